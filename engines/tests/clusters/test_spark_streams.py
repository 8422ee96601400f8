"""Spark's streaming reads, over a real table that grows and a real server of time series."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="nox -s engines -- spark installs Spark; it needs a Java runtime")

from pyspark.sql import DataFrame, SparkSession

from headwater import Headwater
from headwater.datasources import provision
from headwater_engines.spark import register
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.prometheus import start_prometheus

pytestmark = pytest.mark.filterwarnings("default")  # Spark's own, of what it is made of
STEP = 15
FILE = """
apiVersion: 1
datasources:
  - name: shop
    uid: shop
    type: mysql
    url: "{url}"
    user: {user}
    database: {database}
    secureJsonData: {{password: "$__file{{{secret}}}"}}
  - {{name: metrics, uid: metrics, type: prometheus, url: "{metrics}"}}
"""
Batches = dict[int, list[Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        server.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, total INT)")
        yield server


@pytest.fixture(scope="module")
def begun() -> int:
    """When the metrics begin: ten minutes ago, on the border of a step."""
    return (int(time.time()) - 600) // STEP * STEP


@pytest.fixture(scope="module")
def host(server: DatabaseServer, begun: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("provisioning")
    (folder / "secret").write_text(server.password)
    samples = [
        f'load{{node="{node}"}} {node * 1000 + number} {begun + number * STEP}'
        for node in (1, 2)
        for number in range(41)
    ]
    text = "# TYPE load gauge\n" + "\n".join(samples) + "\n# EOF\n"
    with start_prometheus(openmetrics=text) as metrics:
        (folder / "sources.yaml").write_text(
            FILE.format(
                url=server.address,
                user=server.user,
                database=server.database,
                secret=folder / "secret",
                metrics=metrics.url,
            )
        )
        yield f"files:{folder / 'sources.yaml'}"


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.python.authenticate.socketTimeout", "2m")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    register(spark)
    yield spark
    spark.stop()


@pytest.fixture
def run(spark: SparkSession, host: str, tmp_path: Path) -> Callable[..., Batches]:
    """Stream what there is now, from where the checkpoint says, and return the rows of each batch."""

    def run(**options: str) -> Batches:
        found: Batches = {}

        def keep(rows: DataFrame, number: int) -> None:
            found[number] = sorted(tuple(row) for row in rows.collect())

        stream = spark.readStream.format("headwater").options(host=host, target="3", **options).load()
        query = (
            stream.writeStream.foreachBatch(keep)
            .option("checkpointLocation", os.fspath(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        assert query.awaitTermination(120)
        return {number: rows for number, rows in found.items() if rows}

    return run


def rows_of(batches: Batches) -> list[Any]:
    return list(chain.from_iterable(batches.values()))


def forget_last_commit(checkpoint: Path) -> None:
    """As a driver does that is killed when it has a batch's rows, and has not said so."""
    last = max((checkpoint / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    last.unlink()
    last.with_name(f".{last.name}.crc").unlink(missing_ok=True)


def test_a_table_that_grows_is_read_on_from_the_checkpoint(
    run: Callable[..., Batches], server: DatabaseServer, tmp_path: Path
) -> None:
    orders = {
        "dataSource": "shop",
        "query": "SELECT id, total FROM orders",
        "key": "id",
        "latest": "SELECT MAX(id) FROM orders",
    }
    assert run(**orders) == {}

    server.execute("INSERT INTO orders SELECT seq, seq * 2 FROM seq_1_to_1000")
    first = run(**orders)
    assert rows_of(first) == [(number, 2 * number) for number in range(1, 1001)]

    forget_last_commit(tmp_path / "checkpoint")
    server.execute("INSERT INTO orders SELECT seq, seq * 2 FROM seq_1001_to_1500")
    again = run(**orders)
    assert {number: again[number] for number in first} == first  # the same rows, though there are more now
    rest = [row for number, rows in again.items() if number not in first for row in rows]
    assert rest == [(number, 2 * number) for number in range(1001, 1501)]

    assert run(**orders) == {}


def test_columns_need_not_have_the_key_among_them(run: Callable[..., Batches]) -> None:
    found = run(
        dataSource="shop", query="SELECT id, total FROM orders", key="id", columns="total",
        latest="SELECT 20", startAfter="10",
    )  # fmt: skip
    assert rows_of(found) == [(2 * number,) for number in range(11, 21)]


def test_points_are_read_on_step_borders_each_once(
    run: Callable[..., Batches], host: str, begun: int
) -> None:
    load = {"dataSource": "metrics", "query": '{"expr": "load", "layout": "long"}', "step": f"{STEP}s"}
    begin = {"from": str((begun - STEP) * 1000)}
    first = rows_of(run(**load, **begin, delay="5m"))
    second = rows_of(run(**load, **begin, delay="2m"))
    assert first
    assert second

    rows = first + second
    times = sorted({row[0].timestamp() for row in rows})
    assert times[0] == begun
    assert all(later - earlier == STEP for earlier, later in pairwise(times))
    assert len(rows) == len(set(rows)) == 2 * len(times)
    with Headwater() as headwater:
        provision(headwater.data_sources, [host.removeprefix("files:")])
        whole = headwater.query(
            "metrics",
            {"expr": "load", "layout": "long", "interval": f"{STEP}s"},
            from_=str(begun * 1000),
            to=str(int(times[-1]) * 1000),
        ).table
    assert len(whole) == len(rows)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "a stream needs key"),
        ({"key": "id"}, "option latest: is missing"),
        ({"key": "id", "latest": "SELECT 'x'"}, "no whole number"),
        ({"key": "id", "latest": "SELECT 1", "startAfter": "x"}, "option startAfter: is no whole number"),
        ({"key": "id", "latest": "SELECT NOW()"}, "no whole number"),
        ({"step": "often"}, "option step: is no time"),
        ({"step": "0s"}, "option step: is less than 1 ms"),
        ({"step": "15s", "delay": "-1s"}, "option delay: is less than 0 ms"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(
    run: Callable[..., Batches], options: dict[str, str], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        run(dataSource="shop", query="SELECT id, total FROM orders", **options)
