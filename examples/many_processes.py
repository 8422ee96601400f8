"""One query, read by several processes: tasks are planned once, and secrets travel sealed.

pip install headwater-engines headwater-testdata
python many_processes.py
"""

from __future__ import annotations

import multiprocessing
import os
from base64 import b64encode
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from headwater import Headwater
from headwater_engines.hosts import SealedHost, batches

ORDERS = {"scenario": "streaming_rows", "rows": 400_000, "seed": 7}
WORKERS = 2


def main() -> None:
    """The key is made here for the example; a cluster's own secrets hand it to driver and workers."""
    os.environ.setdefault("HEADWATER_JOB_KEY", b64encode(os.urandom(32)).decode())
    with Headwater() as headwater:
        headwater.add_data_source("shop", type="testdata", secure_json_data={"apiKey": "s3cret"})
        tasks = headwater.read_tasks("shop", ORDERS, target=8, columns=["city", "value"])
        host = SealedHost.seal(headwater, ["shop"], job_id="example", valid_for=timedelta(minutes=10))
    print(f"{len(tasks)} tasks of {len(tasks[0].to_bytes())} bytes, consistency {tasks.consistency}")

    read = partial(sums_by_city, host=str(host))
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = pa.concat_tables(pool.map(read, [task.to_bytes() for task in tasks]))
    cities = parts.group_by("city").aggregate([("rows", "sum"), ("value", "sum")]).sort_by("city")
    for row in cities.to_pylist():
        print(f"{row['city']:<10} {row['rows_sum']:>8,} {row['value_sum']:14.2f}")
    print(f"{pc.sum(cities['rows_sum']).as_py():,} rows")


def sums_by_city(task: bytes, host: str) -> pa.Table:
    """In a worker: one batch of the task in memory at a time."""
    sums = [
        pa.table(batch)
        .group_by("city")
        .aggregate([("value", "count"), ("value", "sum")])
        .rename_columns(["city", "rows", "value"])
        for batch in batches(task, host)
    ]
    return pa.concat_tables(sums)


if __name__ == "__main__":
    main()
