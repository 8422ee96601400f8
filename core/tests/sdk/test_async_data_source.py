"""Data sources whose methods are coroutines or asynchronous generators."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from attrs import frozen

from headwater import CallContext, Frame, Headwater
from headwater.errors import (
    DeadlineExceededError,
    DownstreamServerError,
    DownstreamTimeoutError,
    PluginRequestFailedError,
    QueryCanceledError,
)
from headwater.models import CheckHealthResult, HealthStatus
from headwater.sdk import AsyncDataSource, DataSourcePlugin, Query, ResourceRequest, resource

CALLER = contextvars.ContextVar("CALLER", default="nobody")


@frozen
class Settings:
    pass


@frozen(kw_only=True)
class Ask(Query):
    do: str = "frame"


class Counter:
    """Frames of a client that has no `aclose`."""

    def __init__(self) -> None:
        self._numbers = iter(range(3))

    def __aiter__(self) -> Counter:
        return self

    async def __anext__(self) -> Frame:
        await asyncio.sleep(0)
        for number in self._numbers:
            return Frame.from_pydict({"n": [number]})
        raise StopAsyncIteration


class Source(AsyncDataSource[Settings, Ask]):
    """Does what the query says."""

    alive: ClassVar[list[Source]] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.entered = threading.Event()
        self.cancelled = threading.Event()
        self.closed = ""
        Source.alive.append(self)

    def query(self, query: Ask, context: CallContext) -> Any:
        return getattr(self, query.do)()

    async def frame(self) -> Frame:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return Frame.from_pydict({"caller": [CALLER.get()]})

    async def frames(self) -> AsyncIterator[Frame]:
        for number in range(3):
            await asyncio.sleep(0)
            yield Frame.from_pydict({"n": [number]})

    async def rows(self) -> AsyncIterator[pa.RecordBatch]:
        try:
            for number in range(100_000):
                await asyncio.sleep(0)
                yield pa.record_batch({"n": [number] * 10})
        finally:
            await asyncio.sleep(0)
            self.cancelled.set()

    async def broken_at_once(self) -> AsyncIterator[pa.RecordBatch]:
        try:
            yield await self.no_row()
        finally:
            self.cancelled.set()

    async def no_row(self) -> pa.RecordBatch:
        await asyncio.sleep(0)
        raise DownstreamServerError("gone")

    def counter(self) -> Counter:
        return Counter()

    async def nothing(self) -> None:
        return None

    async def no_rows(self) -> AsyncIterator[Frame]:
        return
        yield

    async def refused(self) -> Frame:
        raise DownstreamServerError("no such table")

    async def late(self) -> Frame:
        raise TimeoutError

    async def bug(self) -> Frame:
        raise KeyError("hunter2")

    async def leaves(self) -> Frame:
        raise SystemExit(3)

    async def leaves_behind(self) -> Frame:
        self.task = asyncio.create_task(self.leaves())
        await asyncio.wait([self.task])
        return Frame.from_pydict({"left": [isinstance(self.task.exception(), SystemExit)]})

    async def broken_rows(self) -> AsyncIterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1]})
        raise DownstreamServerError("gone")

    async def wait(self) -> Frame:
        self.entered.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Frame.from_pydict({})

    async def stubborn(self) -> Frame:
        self.entered.set()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled.set()

    async def check_health(self, context: CallContext) -> CheckHealthResult:
        await asyncio.sleep(0)
        return CheckHealthResult.ok("well")

    @resource("names")
    async def names(self, request: ResourceRequest, context: CallContext) -> list[str]:
        await asyncio.sleep(0)
        return ["a", "b"]

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = threading.current_thread().name


class Plugin(DataSourcePlugin):
    id = "later"
    settings_type = Settings
    query_type = Ask
    query_text_key = "do"
    data_source = Source


@pytest.fixture
def host() -> Iterator[Headwater]:
    Source.alive.clear()
    with Headwater(allow_plugins=()) as headwater:
        headwater.add_plugin("later", Plugin())
        headwater.add_data_source("source", type="later")
        yield headwater
    for source in Source.alive:
        assert source.closed == "headwater-later-loop"
    assert "headwater-later-loop" not in {thread.name for thread in threading.enumerate()}


def test_a_coroutine_is_waited_for_with_the_callers_context_variables(host: Headwater) -> None:
    CALLER.set("somebody")
    assert host.query("source", "frame").to_pylist() == [{"caller": "somebody"}]


def test_all_queries_run_on_one_loop(host: Headwater) -> None:
    threads = [threading.Thread(target=lambda: host.query("source", "frame")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (source,) = Source.alive
    assert len(source.loops) == 1


def test_frames_come_one_after_the_other(host: Headwater) -> None:
    for do in ("frames", "counter"):
        assert [frame.to_pylist() for frame in host.query_frames("source", do)] == [
            [{"n": 0}], [{"n": 1}], [{"n": 2}]
        ]  # fmt: skip
    assert host.query_frames("source", "no_rows") == []
    assert host.query_frames("source", "nothing") == []


def test_record_batches_are_a_stream_that_ends_where_its_reader_does(host: Headwater) -> None:
    with host.stream("source", "rows") as stream:
        assert next(stream).column(0).to_pylist() == [0] * 10
        assert next(stream).column(0).to_pylist() == [1] * 10
    (source,) = Source.alive
    assert source.cancelled.wait(10)


def test_a_stream_is_collected_within_the_limits(host: Headwater) -> None:
    frame = host.query("source", "rows", max_rows=25)
    assert (frame.num_rows, frame.truncated) == (25, True)


@pytest.mark.parametrize(
    ("do", "kind"),
    [("refused", DownstreamServerError), ("late", DownstreamTimeoutError), ("bug", PluginRequestFailedError)],
)
def test_errors_are_those_of_the_coroutine(host: Headwater, do: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        host.query("source", do)


def test_a_coroutine_that_would_end_the_process_ends_no_other(host: Headwater) -> None:
    with pytest.raises(PluginRequestFailedError):
        host.query("source", "leaves", timeout=30)
    assert host.query("source", "leaves_behind", timeout=30).to_pylist() == [{"left": True}]
    assert host.query("source", "frame").num_rows == 1


def test_an_error_before_the_first_row_is_that_of_the_query(host: Headwater) -> None:
    with pytest.raises(DownstreamServerError, match="gone"):
        host.query("source", "broken_at_once")
    (source,) = Source.alive
    assert source.cancelled.is_set()


def test_an_error_amid_the_rows_ends_the_stream(host: Headwater) -> None:
    with host.stream("source", "broken_rows") as stream:
        assert next(stream).num_rows == 1
        with pytest.raises(DownstreamServerError, match="gone"):
            next(stream)


@pytest.mark.parametrize("do", ["wait", "stubborn"])
def test_a_cancelled_call_cancels_the_coroutine(
    host: Headwater, do: str, cancel_when: Callable[..., None]
) -> None:
    host.check_health("source")
    (source,) = Source.alive
    with CallContext() as context:
        cancel_when(source.entered, context)
        with pytest.raises(QueryCanceledError):
            host.query("source", do, context=context)
    assert source.cancelled.wait(10)


def test_a_deadline_cancels_the_coroutine(host: Headwater) -> None:
    with pytest.raises(DeadlineExceededError):
        host.query("source", "wait", timeout=0.5)
    (source,) = Source.alive
    assert source.cancelled.wait(10)


def test_health_and_resources_may_be_coroutines(host: Headwater) -> None:
    assert host.check_health("source") == CheckHealthResult(HealthStatus.OK, "well")
    assert host.call_resource("source", "names").body == b'["a","b"]'


def test_a_data_source_without_a_health_check_says_so(make_host: Callable[..., Headwater]) -> None:
    class Bare(AsyncDataSource[Settings, Ask]):
        async def query(self, query: Ask, context: CallContext) -> None: ...

    class BarePlugin(Plugin):
        data_source = Bare  # type: ignore[assignment]

    result = make_host(bare=BarePlugin()).check_health("bare")
    assert (result.status, result.message) == (
        HealthStatus.OK,
        "Data source is loaded; it has no health check of its own.",
    )


def test_a_data_source_that_cannot_be_closed_leaves_no_thread(make_host: Callable[..., Headwater]) -> None:
    class Stuck(Source):
        async def close(self) -> None:
            await super().close()
            raise TimeoutError("the server does not say goodbye")

    class StuckPlugin(Plugin):
        data_source = Stuck

    Source.alive.clear()
    host = make_host(stuck=StuckPlugin())
    host.query("stuck", "frame")
    host.close()
    (source,) = Source.alive
    assert source.closed not in {"", *(thread.name for thread in threading.enumerate())}
