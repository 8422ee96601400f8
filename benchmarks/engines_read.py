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
from typing import TypeAlias

from memory import peak_mib
from timing import print_table, time_side_by_side

from headwater import Headwater
from headwater_engines.hosts import FilesHost, batches
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.process import fetch_debian_packages

SIZES = {1_000_000: 4, 10_000_000: 16}
"""Rows, and the tasks that they are read in: what an engine costs a task shows in the first."""
ROUNDS = 5
SQL = "SELECT id, value, word FROM numbers_{}"
LONG = {"scenario": "streaming_rows", "rows": 20_000_000, "batchRows": 65_536}
Reader: TypeAlias = Callable[[list[bytes]], list[int]]
FILE = """
apiVersion: 1
datasources:
  - {{name: db, uid: db-1, type: mysql, url: "{url}", user: "{user}", database: "{database}",
     secureJsonData: {{password: "$__env{{DB_PASSWORD}}"}}}}
  - {{name: rows, uid: rows-1, type: testdata}}
"""


def count(task: bytes, host: str) -> int:
    return sum(batch.num_rows for batch in batches(task, host))


def read_all(read: Reader, tasks: list[bytes], rows: int) -> None:
    counts = read(tasks)
    assert sum(counts) == rows, counts


def fill(server: DatabaseServer) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        for rows in SIZES:
            table = f"numbers_{rows}"
            cursor.execute(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, value DOUBLE, word VARCHAR(20))")
            cursor.execute(
                f"INSERT INTO {table} SELECT seq, seq / 7, CONCAT('word ', seq % 1000) FROM seq_1_to_{rows}"
            )
            admin.commit()
            cursor.execute(f"ANALYZE TABLE {table}")


def pool_reader(stack: ExitStack, host: str, *, workers: int) -> Reader:
    context = multiprocessing.get_context("spawn")
    pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=context))
    return lambda tasks: list(pool.map(partial(count, host=host), tasks))


def dask_reader(stack: ExitStack, host: str) -> Reader:
    from distributed import Client, LocalCluster

    cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    client = stack.enter_context(Client(cluster))
    return lambda tasks: client.gather(client.map(count, tasks, host=host, pure=False))


def ray_reader(stack: ExitStack, host: str) -> Reader:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    stack.callback(ray.shutdown)
    remote = ray.remote(count)
    return lambda tasks: ray.get([remote.remote(task, host) for task in tasks])


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
    rows, parts = next(iter(SIZES.items()))
    sql = SQL.format(rows)
    ours = spark.read.format("headwater").option("dataSource", "db").option("query", sql).option("host", host)
    url = f"jdbc:mysql://{server.address}/{server.database}"  # not mariadb: Spark would quote names wrongly
    given = {"user": server.user, "password": server.password, "driver": "org.mariadb.jdbc.Driver"}
    theirs = spark.read.jdbc(
        url, f"numbers_{rows}", column="id", lowerBound=1, upperBound=rows, numPartitions=parts,
        properties=given,
    )  # fmt: skip
    sums = (f.count("id"), f.sum("value"), f.max("word"))
    return {
        "Spark, spark.read.jdbc": lambda: theirs.agg(*sums).collect(),
        "Spark, headwater": lambda: ours.option("target", parts).load().agg(*sums).collect(),
    }


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
        readers: dict[str, Reader] = {
            "two processes": pool_reader(stack, host, workers=2),
            "one process": pool_reader(stack, host, workers=1),
        }
        for name, make in (("Dask, two workers", dask_reader), ("Ray, plain tasks", ray_reader)):
            module = name.partition(",")[0].lower()
            if importlib.util.find_spec(module) is None:
                print(f"NOT MEASURED: {module} is not installed")
                continue
            readers[name] = make(stack, host)
        for rows, parts in SIZES.items():
            with files.open() as headwater:
                planned = headwater.read_tasks("db", SQL.format(rows), target=parts)
                tasks = [task.to_bytes() for task in planned]
            reads = {name: partial(read_all, read, tasks, rows) for name, read in readers.items()}
            title = f"{rows:,} rows of MariaDB in {parts} tasks"
            print_table(title, time_side_by_side(reads, rounds=ROUNDS))
        if importlib.util.find_spec("pyspark") is None:
            print("NOT MEASURED: pyspark is not installed")
        else:
            spark = spark_readers(stack, server, host)
            rows, parts = next(iter(SIZES.items()))
            print_table(f"{rows:,} rows in {parts} partitions", time_side_by_side(spark, rounds=ROUNDS))
        subprocess.run([sys.executable, __file__, host], check=True)


def read_long(host: str) -> None:
    """What a worker takes, which reads the tasks of a long result one after the other."""
    with Headwater(allow_plugins=["testdata"]) as driver:
        driver.add_data_source("rows", type="testdata", uid="rows-1")
        tasks = [task.to_bytes() for task in driver.read_tasks("rows", LONG, target=8)]
    before = peak_mib()
    rows = sum(count(task, host) for task in tasks)
    print(f"\n{rows:,} rows in one worker: peak memory {before:.0f} -> {peak_mib():.0f} MiB")


if __name__ == "__main__":
    main()
