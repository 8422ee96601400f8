"""Spark: a local cluster of two executors, of which one may die."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="nox -s engines -- spark installs Spark; it needs a Java runtime")

from pyspark.sql import DataFrame, SparkSession, functions as f

from headwater import Headwater
from headwater_engines.hosts import FilesHost
from headwater_engines.spark import register
from headwater_engines.spark_types import cast_batch
from servers.killing import children_running, lose_workers

pytestmark = pytest.mark.filterwarnings("default")  # Spark's own, of what it is made of
ORDERS = '{"scenario": "streaming_rows", "rows": 20000, "batchRows": 500, "seed": 5}'
ROWS = 20_000


@pytest.fixture(scope="module")
def spark(files: FilesHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    del files  # its secret is in the environment that workers inherit
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    events = tmp_path_factory.mktemp("events")
    spark = (
        SparkSession.builder.master("local-cluster[2,1,512]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.dir", events.as_uri())
        .config("spark.executor.memory", "512m")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    register(spark)
    yield spark
    spark.stop()


@pytest.fixture
def load(spark: SparkSession, files: FilesHost) -> Any:
    """Load a query, with further options."""

    def load(query: str = ORDERS, **options: str) -> DataFrame:
        reader = spark.read.format("headwater").option("dataSource", "shop").option("host", str(files))
        for name, value in {"query": query, "target": "4", **options}.items():
            reader = reader.option(name, value)
        return reader.load()

    return load


def test_a_data_frame_has_the_rows_of_one_process(load: Any, driver: Headwater) -> None:
    orders = load()
    assert orders.rdd.getNumPartitions() == 4
    whole = driver.query("shop", {"scenario": "streaming_rows", "rows": ROWS, "seed": 5}).table
    assert orders.toArrow().sort_by("id").to_pylist() == whole.to_pylist()


def test_every_type_is_there_or_the_nearest_that_spark_has(load: Any, driver: Headwater) -> None:
    names = [
        name for name in driver.query("shop", "all_types").table.column_names[1:]
        if name not in {"dense_union", "month_day_nano_interval", "null", "duration_s", "duration_ms"}
    ]  # fmt: skip
    query = {"scenario": "all_types", "types": names}
    table = driver.query("shop", query).table.combine_chunks()
    (batch,) = table.to_batches()
    expected = cast_batch(batch).to_pydict()
    found = load(json.dumps(query)).toArrow().to_pydict()
    for name in expected:
        assert repr(found[name]) == repr(expected[name]), name


def test_a_data_frame_is_used_with_a_filter_and_without(load: Any) -> None:
    orders = load()
    assert orders.filter(f.col("id") < 100).count() == 100
    assert orders.count() == ROWS


def test_filters_that_the_source_applies_are_spark_no_more(load: Any) -> None:
    chosen = (f.col("id") >= 100) & (f.col("id") < 200) & (f.col("city") != "Bern")
    orders = load(pushFilters="true", columns="id,city").filter(chosen)
    plan = orders._jdf.queryExecution().executedPlan().toString()
    assert "city" in plan.partition("Filter")[2].partition("BatchScan")[0]
    assert "id#" not in plan.partition("Filter")[2].partition("BatchScan")[0]
    assert orders.columns == ["id", "city"]
    assert 0 < orders.count() < 100


def test_neither_plans_nor_event_logs_hold_the_secret(load: Any, spark: SparkSession, secret: str) -> None:
    orders = load()
    orders.count()
    assert secret not in orders._jdf.queryExecution().toString()
    logs = Path(spark.conf.get("spark.eventLog.dir").removeprefix("file:"))
    texts = [file.read_text(errors="replace") for file in logs.rglob("*") if file.is_file()]
    assert texts
    assert not any(secret in text for text in texts)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"password": "x-secret-x"}, "option password.*looks like a secret"),
        ({"partitions": "3"}, "option partitions: is none of dataSource"),
        ({"query": ""}, "option query: is missing"),
        ({"target": "many"}, "option target: is no whole number"),
        ({"host": "shop"}, "expected how workers get"),
        ({"dataSource": "shops"}, "shops"),
        ({"query": '{"scenario": "no"}'}, "no scenario 'no'"),
    ],
)
def test_what_cannot_be_read_is_refused_at_the_driver(load: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(Exception, match=words) as refused:
        load(**options)
    assert "x-secret-x" not in str(refused.value)


@pytest.mark.timeout(3600)  # as often as it is asked for
def test_an_executor_that_dies_amid_a_read_costs_no_row(
    spark: SparkSession, load: Any, lost_workers: int
) -> None:
    slow = load(ORDERS.replace("}", ', "delayMs": 100}'), target="6")

    def read() -> tuple[int, int]:
        (found,) = slow.agg(f.count("id"), f.sum("id")).collect()
        return tuple(found)

    def all_there() -> bool:  # the driver counts as one
        return len(spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) == 3

    lose_workers(read, partial(children_running, "CoarseGrainedExecutorBackend"), all_there, lost_workers)
