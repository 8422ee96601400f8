"""Read tasks: parts of a result that another process reads, or refuses because something has changed."""

from __future__ import annotations

import asyncio
import pickle
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from headwater import AsyncHeadwater, CallContext, Filter, Frame, Headwater, ReadTask, hookimpl
from headwater.datasources import DataSource, MemoryStore
from headwater.errors import (
    DataSourceNotFoundError,
    QueryError,
    ReadTaskError,
    StoreError,
    ValidationError,
)
from headwater.frames import StreamClosedError
from headwater.models import (
    Consistency,
    Partition,
    Partitions,
    QueryChunk,
    QueryDataRequest,
)
from headwater.queries import ReadTasks
from headwater.secrets import InMemoryKeySource

MakeHost = Callable[..., Headwater]
TABLE = pa.table({"id": list(range(10)), "word": list("abcdefghij"), "even": [n % 2 == 0 for n in range(10)]})


class Numbers:
    """Ten rows, divided by `id`; applies bounds of `id` from below, and nothing else."""

    def __init__(self, *, knows_schema: bool = True) -> None:
        self.knows_schema = knows_schema
        self.table = TABLE
        self.asked: list[Any] = []

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        for query in request.queries:
            self.asked.append(query)
            first, last = query.json.get("first", 0), query.json.get("last", 10)
            for row in range(first, last, 2):
                part = self.table.slice(row, min(2, last - row))
                yield QueryChunk(query.ref_id, "0", Frame.from_table(part, name="numbers"))

    @hookimpl
    def partitions(
        self, request: QueryDataRequest, target: int, columns: Any, filters: tuple[Filter, ...]
    ) -> Partitions | None:
        query = request.queries[0]
        if query.json.get("whole"):
            return None
        handled = tuple(each for each in filters if each.operator == ">=" and each.column == "id")
        first = max([0, *(each.value for each in handled)])
        cuts = [first + (10 - first) * part // target for part in range(target + 1)]
        parts = tuple(
            Partition(evolve(query, json={**query.json, "first": low, "last": high}), high - low)
            for low, high in pairwise(cuts)
        )
        schema = self.table.schema if self.knows_schema else None
        return Partitions(parts, Consistency.SNAPSHOT, schema, handled_filters=handled)


def rows_of(tasks: ReadTasks, host: Headwater) -> list[Any]:
    return [row for task in tasks for row in task.read(host).read_all().table.to_pylist()]


@pytest.mark.parametrize("knows_schema", [True, False])
def test_the_tasks_of_a_query_return_its_rows(make_host: MakeHost, knows_schema: bool) -> None:
    host = make_host(shop=Numbers(knows_schema=knows_schema))
    tasks = host.read_tasks("shop", {}, target=3)
    assert len(tasks) == 3
    assert [task.number for task in tasks] == [0, 1, 2]
    assert tasks.schema == tasks[0].schema == TABLE.schema
    assert tasks.consistency == tasks[0].consistency == Consistency.SNAPSHOT
    assert tasks.estimated_rows == 10
    assert tasks.estimated_bytes is None
    assert rows_of(tasks, host) == TABLE.to_pylist()


def test_a_query_that_its_plugin_does_not_divide_is_one_task(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    tasks = host.read_tasks("shop", {"whole": True}, columns=["even"], filters=[Filter("id", "=", 3)])
    assert len(tasks) == 1
    assert tasks.consistency is Consistency.STATEMENT
    assert tasks.unhandled_filters == (Filter("id", "=", 3),)
    assert tasks[0].read(host).read_all().table == TABLE.select(["even"])


def test_columns_are_returned_in_the_order_asked_for_and_filters_as_far_as_the_plugin_says(
    make_host: MakeHost,
) -> None:
    host = make_host(shop=Numbers())
    filters = [Filter("id", ">=", 6), Filter("even", "=", True)]
    tasks = host.read_tasks("shop", {}, target=2, columns=["word", "id"], filters=filters)
    assert tasks.schema.names == ["word", "id"]
    assert tasks.unhandled_filters == (Filter("even", "=", True),)
    assert rows_of(tasks, host) == TABLE.select(["word", "id"]).slice(6).to_pylist()


def test_a_task_survives_its_bytes_and_pickle_and_is_small(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    task = host.read_tasks("shop", {"text": "SELECT " * 50}, from_="now-6h", to="now")[1]
    assert ReadTask.from_bytes(task.to_bytes()) == task
    assert pickle.loads(pickle.dumps(task)) == task
    assert len(pickle.dumps(task)) < 2048
    assert isinstance(task.query.time_range.from_, datetime)


def test_a_pickle_holds_bytes_and_the_name_of_what_reads_them_and_nothing_else(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    reduced: Any = host.read_tasks("shop", {})[0].__reduce__()
    assert reduced[0] == ReadTask.from_bytes
    assert [type(each) for each in reduced[1]] == [bytes]


def test_a_task_is_read_by_another_host_with_the_same_data_source(make_host: MakeHost) -> None:
    driver, worker = make_host(shop=Numbers()), make_host(shop=Numbers())
    worker.remove_data_source("shop")
    uid = driver.data_source("shop").uid
    worker.add_data_source("shop", type="shop", uid=uid, secure_json_data={"password": "another"})
    tasks = driver.read_tasks("shop", {}, target=2)
    assert rows_of(tasks, worker) == TABLE.to_pylist()


def test_a_worker_without_the_data_source_says_so(make_host: MakeHost) -> None:
    task = make_host(shop=Numbers()).read_tasks("shop", {})[0]
    with pytest.raises(DataSourceNotFoundError, match=f"uid '{task.data_source}'"):
        task.read(make_host(other=Numbers()))


def test_a_task_of_a_data_source_that_was_changed_is_refused_by_its_fingerprints(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    task = host.read_tasks("shop", {})[0]
    host.update_data_source("shop", database="other")
    now = host.data_source("shop").fingerprint
    with pytest.raises(ReadTaskError, match=f"'shop'.*{now}, then {task.fingerprint}.*plan the read anew"):
        task.read(host)


def test_a_new_name_or_password_changes_no_fingerprint(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    task = host.read_tasks("shop", {})[0]
    host.update_data_source("shop", name="store", secure_json_data={"password": "new"})
    assert task.read(host).read_all().num_rows > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"core_version": "99.0.1"}, r"planned by headwater 99\.0\.1, and this reader has"),
        ({"plugin_version": "99.0.1"}, r"planned by plugin 'shop' 99\.0\.1, and this reader has"),
    ],
)
def test_a_task_of_another_version_is_refused_by_name(
    make_host: MakeHost, change: dict[str, Any], words: str
) -> None:
    host = make_host(shop=Numbers())
    task = evolve(host.read_tasks("shop", {})[0], **change)
    with pytest.raises(ReadTaskError, match=words):
        task.read(host)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE.drop_columns(["word"]), r"Column 'word' \(string\) of part 0 is gone"),
        (
            TABLE.set_column(0, "id", TABLE["id"].cast(pa.int32())),
            r"Column 'id' \(int64\) of part 0 is int32 now",
        ),
    ],
)
def test_a_schema_that_changed_meanwhile_is_refused_by_its_column(
    make_host: MakeHost, table: pa.Table, words: str
) -> None:
    plugin = Numbers()
    host = make_host(shop=plugin)
    task = host.read_tasks("shop", {})[0]
    plugin.table = table
    with pytest.raises(ReadTaskError, match=words):
        task.read(host)


def test_columns_that_share_a_name_are_read_by_their_place_and_cannot_be_chosen(make_host: MakeHost) -> None:
    plugin = Numbers()
    host = make_host(shop=plugin)
    plugin.table = pa.table([TABLE["id"], TABLE["word"]], names=["a", "a"])
    tasks = host.read_tasks("shop", {}, target=1)
    assert tasks[0].read(host).read_all().table.equals(plugin.table)
    with pytest.raises(QueryError, match="several columns 'a'"):
        host.read_tasks("shop", {}, columns=["a"])


def test_a_column_that_came_meanwhile_is_left_out(make_host: MakeHost) -> None:
    plugin = Numbers()
    host = make_host(shop=plugin)
    tasks = host.read_tasks("shop", {}, target=2)
    plugin.table = TABLE.append_column("new", TABLE["id"])
    assert rows_of(tasks, host) == TABLE.to_pylist()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"columns": ["nothing"]}, QueryError),
        ({"filters": [Filter("nothing", "=", 1)]}, QueryError),
        ({"filters": [Filter("id", "like", 1)]}, ValidationError),  # type: ignore[arg-type]
        ({"filters": [Filter("id", "in", "12")]}, ValidationError),
        ({"target": 0}, ValidationError),
        ({"params": [datetime(2026, 1, 1, tzinfo=UTC)]}, QueryError),
    ],
)
def test_what_cannot_be_planned_fails_where_it_is_planned(
    make_host: MakeHost, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"nothing|expected one of =|several values|target|travels as JSON"):
        make_host(shop=Numbers()).read_tasks("shop", {}, **options)


def test_the_values_of_a_condition_may_be_a_list(make_host: MakeHost) -> None:
    listed = Filter("id", "in", [1, 2])
    assert listed == Filter("id", "in", (1, 2))
    assert make_host(shop=Numbers()).read_tasks("shop", {}, filters=[listed]).unhandled_filters == (listed,)


def test_a_store_that_fails_while_a_task_is_read_is_the_error() -> None:
    class Failing(MemoryStore):
        fails = False

        def get_by_uid(self, uid: str) -> DataSource:
            if self.fails:
                raise StoreError("the disk is gone")
            return super().get_by_uid(uid)

    store = Failing()
    with Headwater(store, key_sources=[InMemoryKeySource()], allow_plugins=[]) as host:
        host.add_plugin("numbers", Numbers())
        host.add_data_source("shop", type="numbers")
        (task,) = host.read_tasks("shop", {}, target=1)
        store.fails = True
        with pytest.raises(StoreError, match="the disk is gone"):
            host.read_task(task)


@pytest.mark.parametrize(
    "data", [b"", b"{}", zlib.compress(b"{}"), zlib.compress(b" " * (1 << 21)), b"\x80\x04."]
)
def test_bytes_that_are_no_task_are_refused(data: bytes) -> None:
    with pytest.raises(ValidationError):
        ReadTask.from_bytes(data)


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(ValidationError):
        ReadTask.from_bytes(zlib.compress(data))


def test_a_task_whose_schema_is_none_says_so(make_host: MakeHost) -> None:
    task = evolve(make_host(shop=Numbers()).read_tasks("shop", {})[0], arrow_schema=b"no schema")
    with pytest.raises(ValidationError, match="task: holds no Arrow schema"):
        _ = ReadTask.from_bytes(task.to_bytes()).schema


def test_closing_a_task_early_ends_its_query(make_host: MakeHost) -> None:
    host = make_host(shop=Numbers())
    stream = host.read_tasks("shop", {}, target=1)[0].read(host)
    next(stream)
    stream.close()
    with pytest.raises(StreamClosedError):
        next(stream)


def test_an_event_loop_plans_and_reads_tasks_too(make_host: MakeHost) -> None:
    async def read() -> list[int]:
        host = AsyncHeadwater(make_host(shop=Numbers()))
        tasks = await host.read_tasks("shop", {}, target=2, columns=["id"])
        rows: list[int] = []
        for task in tasks:
            async with host.read_task(task) as stream:
                rows += [row async for batch in stream for row in batch.column("id").to_pylist()]
        await host.close()
        return rows

    assert asyncio.run(read()) == list(range(10))
