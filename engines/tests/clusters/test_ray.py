"""Ray: two workers, of which one may die."""

from __future__ import annotations

import gc
import pickle
import warnings
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pytest

pytest.importorskip("ray", reason="nox -s engines -- ray installs Ray")

import ray

from headwater import Filter, Headwater
from headwater.errors import QueryError
from headwater_engines.hosts import FilesHost, worker_host
from headwater_engines.ray import HeadwaterDatasource, read_headwater, read_tables
from servers.killing import children_running, lose_workers

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own, of what it is made of
ORDERS = {"scenario": "streaming_rows", "rows": 20_000, "batchRows": 500, "seed": 5}
ROWS = 20_000
NOT_SENT = {"string_view", "binary_view", "list_view", "run_end_encoded", "dense_union"}
"""What Ray cannot send between its workers."""


@pytest.fixture(scope="module", autouse=True)
def cluster(files: FilesHost) -> Iterator[None]:
    del files  # its secret is in the environment that workers inherit
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    yield
    ray.shutdown()
    with warnings.catch_warnings(action="ignore"):  # Ray forgets the processes that it ends
        gc.collect()


def test_a_data_set_has_the_rows_and_types_of_one_process(driver: Headwater, files: FilesHost) -> None:
    whole = driver.query("shop", ORDERS).table
    orders = read_headwater(driver, "shop", ORDERS, host=files, target=4)
    table = pa.concat_tables(ray.get(orders.to_arrow_refs())).sort_by("id")
    assert table.schema.remove_metadata().equals(whole.schema.remove_metadata())
    assert table.to_pylist() == whole.to_pylist()


def test_plain_tasks_return_every_type(driver: Headwater, files: FilesHost) -> None:
    every = driver.query("shop", "all_types").table.column_names[1:]
    query = {"scenario": "all_types", "types": [name for name in every if name not in NOT_SENT]}
    whole = driver.query("shop", query).table
    table = pa.concat_tables(ray.get(read_tables(driver, "shop", query, host=files)))
    assert table.schema.equals(whole.schema)
    for found, expected in zip(
        table.columns, whole.columns, strict=True
    ):  # NaN equals nothing, but as a text
        assert found.equals(expected) or str(found.to_pylist()) == str(expected.to_pylist())


def test_all_of_the_filters_are_applied_and_only_the_columns_read(
    driver: Headwater, files: FilesHost
) -> None:
    filters = [Filter("id", "<", 1000), Filter("city", "=", "Bern")]
    orders = read_headwater(driver, "shop", ORDERS, host=files, target=3, columns=["id"], filters=filters)
    whole = driver.query("shop", ORDERS).table.slice(0, 1000)
    assert orders.count() == whole["city"].to_pylist().count("Bern")
    assert orders.schema().names == ["id"]


def test_what_is_sent_to_workers_holds_no_secret(driver: Headwater, files: FilesHost, secret: str) -> None:
    source = HeadwaterDatasource(driver.read_tasks("shop", ORDERS, target=3), worker_host(files))
    for task in source.get_read_tasks(3):
        assert secret.encode() not in pickle.dumps(ray.cloudpickle.dumps(task))
    assert secret not in read_headwater(driver, "shop", ORDERS, host=files).stats()


@pytest.mark.timeout(3600)  # as often as it is asked for
def test_a_worker_that_dies_amid_a_read_costs_no_row(
    driver: Headwater, files: FilesHost, lost_workers: int
) -> None:
    slow = {**ORDERS, "delayMs": 50}

    def read() -> tuple[int, int]:
        references = read_tables(driver, "shop", slow, host=files, target=6, columns=["id"])
        ids = pa.concat_tables(ray.get(references))["id"]
        return len(ids), pc.sum(ids).as_py()

    lose_workers(read, partial(children_running, "ray::_table"), lambda: True, lost_workers)


def test_what_cannot_be_planned_fails_at_the_driver(driver: Headwater, files: FilesHost) -> None:
    with pytest.raises(QueryError, match="no column 'nothing'"):
        read_headwater(driver, "shop", ORDERS, host=files, columns=["nothing"])


def test_a_worker_that_cannot_read_says_why_at_the_driver(driver: Headwater) -> None:
    sealed = 'sealed:{"job":"a","expires":"2099-01-01T00:00:00+00:00","sealed":""}'
    with pytest.raises(Exception, match="HEADWATER_JOB_KEY"):
        ray.get(read_tables(driver, "shop", ORDERS, host=sealed))
