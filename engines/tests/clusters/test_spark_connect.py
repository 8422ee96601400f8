"""Spark Connect: the data source of a client is sent to the server, whose Python workers plan and read."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("pyspark", reason="nox -s engines -- spark installs Spark; it needs a Java runtime")
pytest.importorskip("grpc_status", reason="Spark Connect needs pyspark[connect]")

from headwater_engines.hosts import FilesHost

PROGRAM = """
import sys
from pyspark.sql import SparkSession, functions as f
from headwater_engines.spark import register

spark = SparkSession.builder.remote("local[2]").getOrCreate()
register(spark)
reader = spark.read.format("headwater").options(
    dataSource="shop", query='{"scenario": "streaming_rows", "rows": 20000}', host=sys.argv[1], target="4"
)
pushed = reader.option("pushFilters", "true").load().filter(f.col("id") < 100)
print("rows", reader.option("pushFilters", "false").load().count(), pushed.count())
spark.stop()
"""


def test_a_client_reads_through_its_server(files: FilesHost) -> None:
    """In a process of its own: one that has a classic session can have no other."""
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(files)],
        env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert "rows 20000 100" in done.stdout, done.stderr[-2000:]
