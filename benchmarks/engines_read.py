"""Read tasks of a MariaDB table: in a loop, in two processes, and on each engine that is installed.

The two processes do nothing but read, and so are what an engine's own work is measured by. Spark is beside
`spark.read.jdbc` with as many partitions, and the connector of Debian. The last lines tell how much memory a
worker takes for twenty million rows. Needs `tests` on PYTHONPATH; engines as in `nox -s engines`.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from memory import peak_mib
from timing import print_table, time_side_by_side

from headwater import Headwater
from headwater_engines.hosts import FilesHost, batches
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.process import fetch_debian_packages

ROWS, PARTS, ROUNDS = 1_000_000, 4, 5
SQL = "SELECT id, value, word FROM numbers"
LONG = {"scenario": "streaming_rows", "rows": 20_000_000, "batchRows": 65_536}
FILE = """
apiVersion: 1
datasources:
  - {{name: db, uid: db-1, type: mysql, url: "{url}", user: "{user}", database: "{database}",
     secureJsonData: {{password: "$__env{{DB_PASSWORD}}"}}}}
  - {{name: rows, uid: rows-1, type: testdata}}
"""


def count(task: bytes, host: str) -> int:
    return sum(batch.num_rows for batch in batches(task, host))


def fill(server: DatabaseServer) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE TABLE numbers (id BIGINT PRIMARY KEY, value DOUBLE, word VARCHAR(20))")
        cursor.execute(
            f"INSERT INTO numbers SELECT seq, seq / 7, CONCAT('word ', seq % 1000) FROM seq_1_to_{ROWS}"
        )
        admin.commit()
        cursor.execute("ANALYZE TABLE numbers")


def dask_reader(stack: ExitStack, tasks: list[bytes], host: str) -> Callable[[], object]:
    from distributed import Client, LocalCluster

    cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    client = stack.enter_context(Client(cluster))
    return lambda: _all(client.gather(client.map(count, tasks, host=host, pure=False)))


def ray_reader(stack: ExitStack, tasks: list[bytes], host: str) -> Callable[[], object]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    stack.callback(ray.shutdown)
    remote = ray.remote(count)
    return lambda: _all(ray.get([remote.remote(task, host) for task in tasks]))


def spark_readers(stack: ExitStack, server: DatabaseServer, host: str) -> dict[str, Callable[[], object]]:
    from pyspark.sql import SparkSession, functions as f

    from headwater_engines.spark import register

    jar = next(fetch_debian_packages("mariadb-java", ["libmariadb-java"], suite="", with_dependencies=False)
               .rglob("mariadb-java-client*.jar"))  # fmt: skip
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    spark = builder.config("spark.jars", os.fspath(jar.resolve())).getOrCreate()
    stack.callback(spark.stop)
    spark.sparkContext.setLogLevel("ERROR")
    register(spark)
    ours = spark.read.format("headwater").option("dataSource", "db").option("query", SQL).option("host", host)
    url = f"jdbc:mysql://{server.address}/{server.database}"  # not mariadb: Spark would quote names wrongly
    given = {"user": server.user, "password": server.password, "driver": "org.mariadb.jdbc.Driver"}
    theirs = spark.read.jdbc(
        url, "numbers", column="id", lowerBound=1, upperBound=ROWS, numPartitions=PARTS, properties=given
    )
    sums = (f.count("id"), f.sum("value"), f.max("word"))
    return {
        "Spark, spark.read.jdbc": lambda: theirs.agg(*sums).collect(),
        "Spark, headwater": lambda: ours.option("target", PARTS).load().agg(*sums).collect(),
    }


def _all(counts: list[int]) -> None:
    assert sum(counts) == ROWS, counts


def main() -> None:
    if len(sys.argv) > 1:
        read_long(sys.argv[1])
        return
    with ExitStack() as stack:
        server = stack.enter_context(start_mariadb())
        fill(server)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        text = FILE.format(url=server.address, user=server.user, database=server.database)
        (folder / "sources.yaml").write_text(text)
        os.environ["DB_PASSWORD"] = server.password
        files = FilesHost([os.fspath(folder)])
        host = str(files)
        with files.open() as headwater:
            tasks = [task.to_bytes() for task in headwater.read_tasks("db", SQL, target=PARTS)]
        pools = [_pool(stack, workers) for workers in (1, 2)]
        readers: dict[str, Callable[[], Any]] = {
            "two processes": lambda: _all(list(pools[1].map(partial(count, host=host), tasks))),
            "one process": lambda: _all(list(pools[0].map(partial(count, host=host), tasks))),
        }
        for name, make in (("Dask, two workers", dask_reader), ("Ray, plain tasks", ray_reader)):
            module = name.partition(",")[0].lower()
            if importlib.util.find_spec(module) is None:
                print(f"NOT MEASURED: {module} is not installed")
                continue
            readers[name] = make(stack, tasks, host)
        title = f"{ROWS:,} rows of MariaDB in {PARTS} tasks"
        print_table(title, time_side_by_side(readers, rounds=ROUNDS))
        if importlib.util.find_spec("pyspark") is None:
            print("NOT MEASURED: pyspark is not installed")
        else:
            spark = spark_readers(stack, server, host)
            print_table(f"{ROWS:,} rows in {PARTS} partitions", time_side_by_side(spark, rounds=ROUNDS))
        subprocess.run([sys.executable, __file__, host], check=True)


def read_long(host: str) -> None:
    """What a worker takes, which reads the tasks of a long result one after the other."""
    with Headwater(allow_plugins=["testdata"]) as driver:
        driver.add_data_source("rows", type="testdata", uid="rows-1")
        tasks = [task.to_bytes() for task in driver.read_tasks("rows", LONG, target=8)]
    before = peak_mib()
    rows = sum(count(task, host) for task in tasks)
    print(f"\n{rows:,} rows in one worker: peak memory {before:.0f} -> {peak_mib():.0f} MiB")


def _pool(stack: ExitStack, workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return stack.enter_context(ProcessPoolExecutor(workers, mp_context=context))


if __name__ == "__main__":
    main()
