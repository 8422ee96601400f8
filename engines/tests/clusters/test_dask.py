"""Dask: two worker processes, of which one may die."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator

import pyarrow as pa
import pytest

pytest.importorskip("distributed", reason="nox -s engines -- dask installs Dask")

import dask
import pandas as pd
from distributed import Client, LocalCluster

from headwater import Filter, Headwater
from headwater.errors import QueryError
from headwater_engines.dask import bag_from_headwater, from_headwater
from headwater_engines.hosts import FilesHost
from servers.killing import lose_workers

ORDERS = {"scenario": "streaming_rows", "rows": 20_000, "batchRows": 500, "seed": 5}
ROWS = 20_000


@pytest.fixture(scope="module")
def client(files: FilesHost) -> Iterator[Client]:
    del files  # its secret is in the environment that workers inherit
    with (
        # A cluster gives a worker up that is not there by then: also one that died again in the meantime.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_a_data_frame_has_the_rows_and_types_of_one_process(
    client: Client, driver: Headwater, files: FilesHost
) -> None:
    whole = driver.query("shop", ORDERS).table.to_pandas(types_mapper=pd.ArrowDtype)
    orders = from_headwater(driver, "shop", ORDERS, host=files, target=5)
    assert orders.npartitions == 5
    assert list(orders.dtypes) == list(whole.dtypes)
    pd.testing.assert_frame_equal(orders.compute().sort_values("id", ignore_index=True), whole)


def test_every_type_survives(client: Client, driver: Headwater, files: FilesHost) -> None:
    query = {"scenario": "all_types"}
    whole = driver.query("shop", query).table
    table = pa.Table.from_batches(bag_from_headwater(driver, "shop", query, host=files).compute())
    assert table.schema.equals(whole.schema)
    for found, expected in zip(
        table.columns, whole.columns, strict=True
    ):  # NaN equals nothing, but as a text
        assert found.equals(expected) or str(found.to_pylist()) == str(expected.to_pylist())


def test_all_of_the_filters_are_applied_and_only_the_columns_read(
    client: Client, driver: Headwater, files: FilesHost
) -> None:
    filters = [Filter("id", "<", 1000), Filter("city", "=", "Bern")]
    orders = from_headwater(driver, "shop", ORDERS, host=files, target=3, columns=["id"], filters=filters)
    found = orders.compute()
    whole = driver.query("shop", ORDERS).table.slice(0, 1000)
    assert list(found.columns) == ["id"]
    assert len(found) == whole["city"].to_pylist().count("Bern")


def test_what_is_sent_to_workers_holds_no_secret(
    client: Client, driver: Headwater, files: FilesHost, secret: str
) -> None:
    orders = from_headwater(driver, "shop", ORDERS, host=files, target=3)
    graph = orders.optimize().dask
    assert secret.encode() not in pickle.dumps(dict(graph))
    assert secret not in str(dict(graph))
    logs = client.get_worker_logs() | {"scheduler": client.get_scheduler_logs()}
    orders.compute()
    assert secret not in str(logs)


@pytest.mark.timeout(3600)  # as often as it is asked for
def test_a_worker_that_dies_amid_a_read_costs_no_row(
    client: Client, driver: Headwater, files: FilesHost, lost_workers: int
) -> None:
    slow = {**ORDERS, "delayMs": 20}

    def read() -> tuple[int, int]:
        ids = from_headwater(driver, "shop", slow, host=files, target=8, columns=["id"])["id"]
        return tuple(dask.compute(ids.count(), ids.sum()))

    def workers() -> list[int]:
        return [each for each in client.run(os.getpid, on_error="ignore").values() if isinstance(each, int)]

    def all_there() -> bool:
        return len(client.scheduler_info()["workers"]) == 2

    lose_workers(read, workers, all_there, lost_workers)


def test_what_cannot_be_planned_fails_at_the_driver(driver: Headwater, files: FilesHost) -> None:
    with pytest.raises(QueryError, match="no column 'nothing'"):
        from_headwater(driver, "shop", ORDERS, host=files, columns=["nothing"])
    with pytest.raises(QueryError, match=r"Column 'city' is .*string.*, which cannot be compared with 5"):
        from_headwater(driver, "shop", ORDERS, host=files, filters=[Filter("city", "=", 5)])


def test_a_worker_that_cannot_read_says_why_at_the_driver(client: Client, driver: Headwater) -> None:
    with pytest.raises(Exception, match="HEADWATER_JOB_KEY"):
        from_headwater(
            driver,
            "shop",
            ORDERS,
            host='sealed:{"job":"a","expires":"2099-01-01T00:00:00+00:00","sealed":""}',
        ).compute()
