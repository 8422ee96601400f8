"""One SELECT over MariaDB and ClickHouse, beside fetching both tables into pandas; and math over many series.

Join: `--rows` rows of MariaDB with a fifth as many of ClickHouse, grouped to 1,000. Each contender is a
process of its own, so that peak memory is its alone; what its imports take is taken off. The peer reads
with connectorx and clickhouse-connect. Overhead: all rows of MariaDB through `headwater.sql` and `stream`.
Math: `$A * 2 + 1` of 1,000 series of 1,000 points. Needs `tests` on PYTHONPATH, and the group `benchmarks`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

from memory import peak_mib
from mysql_tables import fill
from timing import print_table, time_side_by_side

from headwater import CallContext, Headwater
from headwater.models import DataQuery, PluginContext, QueryDataRequest
from servers.clickhouse import start_clickhouse
from servers.mariadb import start_mariadb

GROUPS = 1000
PASSWORD = "wasser-fällt"
LOCAL = "SELECT id, value FROM narrow"
REMOTE = f"SELECT id, toUInt32(intDiv(id, 5) % {GROUPS}) AS bucket FROM visits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--contender", nargs=3, metavar=("NAME", "MYSQL_PORT", "CLICKHOUSE_URL"))
    arguments = parser.parse_args()
    if arguments.contender:
        measure(*arguments.contender)
        return
    with start_mariadb() as mariadb, start_clickhouse() as clickhouse:
        fill(mariadb, "narrow", arguments.rows)
        clickhouse.command("CREATE TABLE visits (id UInt64) ENGINE = MergeTree ORDER BY id")
        clickhouse.command(f"INSERT INTO visits SELECT number * 5 FROM numbers({arguments.rows // 5})")
        print(f"{arguments.rows:,} rows of MariaDB, {arguments.rows // 5:,} of ClickHouse")
        for name in ("headwater", "pandas", "headwater", "pandas", "sql", "stream", "sql", "stream"):
            command = [sys.executable, __file__, "--contender", name, str(mariadb.port), clickhouse.url]
            subprocess.run(command, check=True)
    math()


def measure(name: str, port: str, clickhouse: str) -> None:
    contenders: dict[str, Callable[[str, str], int]] = {
        "headwater": join, "pandas": merge, "sql": through_sql, "stream": through_stream,
    }  # fmt: skip
    if name == "pandas":
        import clickhouse_connect  # noqa: F401
        import connectorx  # noqa: F401
        import pandas  # noqa: F401, ICN001
    else:
        with Headwater() as headwater:
            headwater.sql("SELECT 1")
    before, started = peak_mib(), time.perf_counter()
    rows = contenders[name](port, clickhouse)
    seconds = time.perf_counter() - started
    print(
        f"  {name:10} {rows:>9,} rows in {seconds:6.2f} s, peak {peak_mib() - before:6.0f} MB over its start"
    )


def host(port: str, clickhouse: str) -> Headwater:
    headwater = Headwater()
    headwater.add_data_source(
        "shop", type="mysql", url=f"127.0.0.1:{port}", user="headwater", database="headwater",
        secure_json_data={"password": PASSWORD},
    )  # fmt: skip
    headwater.add_data_source("lake", type="clickhouse", url=clickhouse)
    return headwater


def join(port: str, clickhouse: str) -> int:
    with host(port, clickhouse) as headwater:
        statement = (
            f"SELECT v.bucket, sum(n.value) AS total FROM shop('{LOCAL}') n "
            f"JOIN lake('{REMOTE}') v USING (id) GROUP BY v.bucket"
        )
        return headwater.sql(statement, timeout=None).num_rows


def merge(port: str, clickhouse: str) -> int:
    from urllib.parse import quote, urlsplit

    import clickhouse_connect
    import connectorx

    url = f"mysql://headwater:{quote(PASSWORD)}@127.0.0.1:{port}/headwater"
    local = connectorx.read_sql(url, LOCAL)
    address = urlsplit(clickhouse)
    remote = clickhouse_connect.get_client(host=address.hostname, port=address.port).query_df(REMOTE)
    merged = local.merge(remote, on="id")
    return len(merged.groupby("bucket")["value"].sum())


def through_sql(port: str, clickhouse: str) -> int:
    with (
        host(port, clickhouse) as headwater,
        headwater.sql_stream(f"SELECT * FROM shop('{LOCAL}')") as stream,
    ):
        return sum(batch.num_rows for batch in stream)


def through_stream(port: str, clickhouse: str) -> int:
    with host(port, clickhouse) as headwater, headwater.stream("shop", LOCAL) as stream:
        return sum(batch.num_rows for batch in stream)


def math() -> None:
    from headwater_expressions.evaluation import evaluate

    query = {"scenario": "random_walk", "seriesCount": 1000}
    contenders = {}
    with Headwater() as headwater:
        headwater.add_data_source("demo", type="testdata")
        for layout in ("wide", "multi"):
            queries = [{"refId": "A", "datasource": {"uid": headwater.data_source("demo").uid}, **query}]
            body = {
                "from": "now-1h",
                "to": "now",
                "queries": [{**queries[0], "format": layout, "maxDataPoints": 1000}],
            }
            inputs = headwater.query_data(body).responses
            formula = DataQuery("B", json={"type": "math", "expression": "$A * 2 + 1"})
            request = QueryDataRequest(PluginContext("__expr__"), (formula,), inputs=inputs)
            contenders[f"1,000 series, {layout}"] = lambda request=request: evaluate(request, CallContext())
    print_table("$A * 2 + 1", time_side_by_side(contenders, rounds=7))


if __name__ == "__main__":
    main()
