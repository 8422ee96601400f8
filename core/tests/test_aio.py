"""The asyncio face: a cancelled task ends its query at the data source, and no other."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from headwater import AsyncHeadwater, CallContext, Frame, Headwater, hookimpl
from headwater.datasources import DataSource
from headwater.errors import DownstreamServerError, QueryCanceledError
from headwater.frames import decode_stream
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthResult,
    DataResponse,
    HealthStatus,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)

PATIENCE = 10.0
T = TypeVar("T")
MakeHost = Callable[..., Headwater]
FRAME = Frame.from_pydict({"a": [1, 2]})

RANGE = {"from": "now-1h", "to": "now"}


class Waiting:
    """Waits in each hook until the call is over, if told to; says when it began and when it was killed."""

    def __init__(self, *, wait: bool = True) -> None:
        self.wait = wait
        self.entered = threading.Event()
        self.killed = threading.Event()
        self.closed = threading.Event()

    def _work(self, context: CallContext) -> None:
        context.on_cancel(self.killed.set)
        self.entered.set()
        if self.wait:
            context.wait(PATIENCE)

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self._work(context)
        return QueryDataResponse({query.ref_id: DataResponse((FRAME,)) for query in request.queries})

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        try:
            yield QueryChunk("A", frame=FRAME)
            self._work(context)
            yield QueryChunk("A", frame=FRAME)
        finally:
            self.closed.set()

    @hookimpl
    def check_health(self, context: CallContext) -> CheckHealthResult:
        self._work(context)
        return CheckHealthResult.ok("fine")

    @hookimpl
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        self._work(context)
        yield CallResourceResponse(body=request.path.encode())


async def happens(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, PATIENCE)


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 2 * PATIENCE))


def test_everything_is_there_as_a_coroutine(make_host: MakeHost) -> None:
    async def main() -> None:
        async with AsyncHeadwater(make_host(a=Waiting(wait=False))) as headwater:
            assert (await headwater.query("a", {})).num_rows == 2
            assert len(await headwater.query_frames("a", {}, max_rows=1)) == 1
            request = {"from": "now-1h", "to": "now", "queries": [{"refId": "B", "datasource": "a"}]}
            assert list((await headwater.query_data(request)).responses) == ["B"]
            assert (await headwater.check_health("a")).status is HealthStatus.OK
            assert (await headwater.call_resource("a", "x/y")).body == b"x/y"
            async with headwater.stream("a", {}) as stream:
                assert stream.schema.names == ["a"]
                assert [batch.num_rows async for batch in stream] == [2, 2]

    run(main())


CALLS: dict[str, Callable[[AsyncHeadwater], Coroutine[Any, Any, Any]]] = {
    "query": lambda headwater: headwater.query("a", {}),
    "query with a context": lambda headwater: headwater.query("a", {}, context=CallContext()),
    "query without a deadline": lambda headwater: headwater.query("a", {}, timeout=None),
    "query_frames": lambda headwater: headwater.query_frames("a", {}),
    "query_data": lambda headwater: headwater.query_data({**RANGE, "queries": [{"datasource": "a"}]}),
    "check_health": lambda headwater: headwater.check_health("a"),
    "call_resource": lambda headwater: headwater.call_resource("a", "x"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_cancelled_task_ends_its_call_at_the_data_source(
    make_host: MakeHost, call: Callable[[AsyncHeadwater], Coroutine[Any, Any, Any]]
) -> None:
    plugin = Waiting()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(call(headwater))
            assert await happens(plugin.entered)
            assert not plugin.killed.is_set()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await happens(plugin.killed)

    run(main())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_is_looked_up_and_run_in_one_worker(
    make_host: MakeHost,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[AsyncHeadwater], Coroutine[Any, Any, Any]],
) -> None:
    threads = []

    class Asked(Waiting):
        def _work(self, context: CallContext) -> None:
            threads.append(threading.current_thread())

    host = make_host(a=Asked())
    get_by_uid = host.store.get_by_uid

    def look_up(uid: str) -> DataSource:
        threads.append(threading.current_thread())
        return get_by_uid(uid)

    monkeypatch.setattr(host.store, "get_by_uid", look_up)
    asyncio.run(call(AsyncHeadwater(host)))
    looked_up, run = threads
    assert looked_up is run is not threading.main_thread()


def test_a_cancellation_is_not_lost_when_its_thread_starts_late(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Waiting()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(headwater.query("a", {}))
            assert await happens(plugin.entered)
            submit = headwater._workers.submit
            monkeypatch.setattr(
                headwater._workers, "submit", lambda call: threading.Timer(0.05, submit, [call]).start()
            )
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await happens(plugin.killed)
            monkeypatch.undo()

    run(main())


def test_a_timeout_of_asyncio_ends_the_call_too(make_host: MakeHost) -> None:
    plugin = Waiting()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await headwater.query("a", {})
            assert await happens(plugin.killed)

    run(main())


def test_a_cancelled_task_ends_no_other_call(make_host: MakeHost) -> None:
    plugin, context = Waiting(), CallContext()
    other = Waiting(wait=False)

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin, b=other)) as headwater:
            task = asyncio.create_task(headwater.query("a", {}, context=context))
            assert await happens(plugin.entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not context.cancelled
            assert (await headwater.query("b", {}, context=context)).num_rows == 2

    run(main())


def test_cancelling_the_context_ends_the_call(make_host: MakeHost) -> None:
    plugin, context = Waiting(), CallContext()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(headwater.query("a", {}, context=context))
            assert await happens(plugin.entered)
            await asyncio.to_thread(context.cancel, "enough")
            with pytest.raises(QueryCanceledError, match="enough"):
                await task

    run(main())


def test_the_loop_stays_free_while_a_cancellation_blocks(
    make_host: MakeHost, release: threading.Event
) -> None:
    class Blocking(Waiting):
        def _work(self, context: CallContext) -> None:
            context.on_cancel(lambda: release.wait(PATIENCE))
            super()._work(context)

    plugin = Blocking()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(headwater.query("a", {}))
            assert await happens(plugin.entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, PATIENCE / 2)
            release.set()

    run(main())


def test_a_stream_is_awaited_too_and_then_closed_by_its_reader(make_host: MakeHost) -> None:
    plugin = Waiting(wait=False)

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            stream = await headwater.stream("a", {})
            assert (await anext(stream)).num_rows == 2
            assert not plugin.closed.is_set()
            await stream.close()
            await stream.close()
            assert plugin.closed.is_set()
            async with await headwater.stream("a", {}) as stream:
                assert [batch.num_rows async for batch in stream] == [2, 2]

    run(main())


CHUNKS: dict[str, Callable[[AsyncHeadwater], AsyncGenerator[QueryChunk, None]]] = {
    "query_chunks": lambda headwater: headwater.query_chunks("a", {}),
    "query_chunked_data": lambda headwater: headwater.query_chunked_data(
        {**RANGE, "queries": [{"datasource": "a"}]}
    ),
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
class TestChunks:
    Chunks = Callable[[AsyncHeadwater], AsyncGenerator[QueryChunk, None]]

    def test_they_come_one_by_one(self, make_host: MakeHost, chunks: Chunks) -> None:
        async def main() -> list[list[dict[str, Any]]]:
            async with AsyncHeadwater(make_host(a=Waiting(wait=False))) as headwater:
                return [chunk.frame.to_pylist() async for chunk in chunks(headwater) if chunk.frame]

        assert run(main()) == [FRAME.to_pylist()] * 2

    def test_leaving_early_closes_the_plugins_generator(self, make_host: MakeHost, chunks: Chunks) -> None:
        plugin = Waiting(wait=False)

        async def main() -> None:
            async with AsyncHeadwater(make_host(a=plugin)) as headwater:
                async with aclosing(chunks(headwater)) as answer:
                    async for _ in answer:
                        break
                assert plugin.closed.is_set()

        run(main())

    def test_a_task_cancelled_between_two_ends_the_query(self, make_host: MakeHost, chunks: Chunks) -> None:
        plugin = Waiting()

        async def main() -> None:
            async def read() -> None:
                async for _ in chunks(headwater):
                    pass

            async with AsyncHeadwater(make_host(a=plugin)) as headwater:
                task = asyncio.create_task(read())
                assert await happens(plugin.entered)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await happens(plugin.killed)
                assert await happens(plugin.closed)

        run(main())


def test_leaving_a_stream_early_closes_the_plugins_generator(make_host: MakeHost) -> None:
    plugin = Waiting(wait=False)

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            async with headwater.stream("a", {}) as stream:
                async for _ in stream:
                    break
            assert plugin.closed.is_set()

    run(main())


def test_a_stream_is_encoded_as_arrow_piece_by_piece(make_host: MakeHost) -> None:
    host = make_host(a=Waiting(wait=False))

    async def main() -> bytes:
        async with AsyncHeadwater(host) as aio, aio.stream("a", {}) as stream:
            return b"".join([piece async for piece in stream.encode(compression="zstd")])

    assert decode_stream(run(main())).read_all().table.to_pylist() == 2 * FRAME.to_pylist()


def test_a_task_cancelled_between_batches_closes_the_stream(make_host: MakeHost) -> None:
    plugin = Waiting()

    async def main() -> None:
        async def read() -> None:
            async with headwater.stream("a", {}) as stream:
                async for _ in stream:
                    pass

        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(read())
            assert await happens(plugin.entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await happens(plugin.killed)
            assert await happens(plugin.closed)

    run(main())


def test_a_stream_that_opens_after_its_task_was_cancelled_is_closed(
    make_host: MakeHost, release: threading.Event
) -> None:
    class Late(Waiting):
        @hookimpl
        def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
            try:
                self.entered.set()
                release.wait(PATIENCE)
                yield QueryChunk("A", frame=FRAME)
            finally:
                self.closed.set()

    plugin = Late()

    async def main() -> None:
        async def open_stream() -> None:
            async with headwater.stream("a", {}):
                raise AssertionError("opened for a cancelled task")

        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.create_task(open_stream())
            assert await happens(plugin.entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            release.set()
            assert await happens(plugin.closed)

    run(main())


def test_a_stream_that_fails_to_open_after_its_task_was_cancelled_leaves_nothing(
    make_host: MakeHost, release: threading.Event
) -> None:
    ended = threading.Event()

    class Failing(Waiting):
        @hookimpl
        def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
            self.entered.set()
            release.wait(PATIENCE)
            ended.set()
            raise DownstreamServerError("too late to say")

    plugin = Failing()

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=plugin)) as headwater:
            task = asyncio.ensure_future(headwater.stream("a", {}))
            assert await happens(plugin.entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            release.set()
            assert await happens(ended)

    run(main())


def test_errors_are_those_of_the_synchronous_face(make_host: MakeHost) -> None:
    class Failing(Waiting):
        def _work(self, context: CallContext) -> None:
            raise DownstreamServerError("no such table")

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=Failing())) as headwater:
            with pytest.raises(DownstreamServerError):
                await headwater.query("a", {})
            async with headwater.stream("a", {}) as stream:
                batches = aiter(stream)
                await anext(batches)
                with pytest.raises(DownstreamServerError):
                    await anext(batches)

    run(main())


def test_calls_run_side_by_side(make_host: MakeHost) -> None:
    barrier = threading.Barrier(8)

    class Meeting(Waiting):
        def _work(self, context: CallContext) -> None:
            barrier.wait(PATIENCE)

    async def main() -> None:
        async with AsyncHeadwater(make_host(a=Meeting())) as headwater:
            frames = await asyncio.gather(*(headwater.query("a", {}) for _ in range(8)))
            assert [frame.num_rows for frame in frames] == [2] * 8

    run(main())


def test_context_variables_reach_the_plugin(make_host: MakeHost) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    class Reading(Waiting):
        def _work(self, context: CallContext) -> None:
            seen.append(variable.get())

    async def main() -> None:
        variable.set("trace-1")
        async with AsyncHeadwater(make_host(a=Reading())) as headwater:
            await headwater.query("a", {})

    run(main())
    assert seen == ["trace-1"]


def test_a_host_of_its_own_is_closed_a_given_one_is_not(make_host: MakeHost) -> None:
    given = make_host(a=Waiting(wait=False))

    async def main() -> None:
        async with AsyncHeadwater(given):
            pass
        async with AsyncHeadwater(allow_plugins=["none"]) as owner:
            own = owner.headwater
        with pytest.raises(RuntimeError, match="closed"):
            own.data_source("x")

    run(main())
    assert given.query("a", {}).num_rows == 2


#: What its coroutines are made of, and what never blocks.
STARTED = {
    "remembered_answers", "remembered_data_source", "start_query_data", "start_query_frames",
    "start_run_frames", "still_remembers",
}  # fmt: skip


def methods(kind: type) -> dict[str, Any]:
    return {name: each for name, each in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_it_has_every_method_of_the_host() -> None:
    assert methods(Headwater).keys() - methods(AsyncHeadwater).keys() == STARTED


def test_its_methods_take_what_the_hosts_take() -> None:
    for name in methods(Headwater).keys() - STARTED:
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (AsyncHeadwater, Headwater))
        assert set(theirs.parameters) <= set(ours.parameters), name


def test_data_sources_are_managed_without_blocking_the_loop() -> None:
    async def manage() -> list[object]:
        async with AsyncHeadwater(allow_plugins=["testdata"]) as host:
            added = await host.add_data_source("demo", type="testdata")
            updated = await host.update_data_source("demo", json_data={"seed": 7})
            found = await host.data_source(added.uid)
            listed = [each.name for each in await host.list_data_sources()]
            info = await host.plugin_info("testdata")
            records = await host.load_plugins()
            await host.remove_data_source("demo")
            left = host.headwater.store.list()
            return [
                updated.version,
                found.json_data,
                info.id,
                "testdata" in {each.plugin_id for each in records},
                listed,
                left,
            ]

    assert asyncio.run(manage()) == [2, {"seed": 7}, "testdata", True, ["demo"], []]


def test_secrets_are_told_and_plugins_are_added_as_by_the_host() -> None:
    async def main() -> tuple[dict[str, str], int]:
        async with AsyncHeadwater(allow_plugins=["testdata"]) as host:
            await host.add_data_source("demo", type="testdata", secure_json_data={"apiKey": "k"})
            states = await host.secret_states("demo")
            host.add_plugin("own", Waiting(wait=False))
            await host.add_data_source("mine", type="own")
            frame = await host.query("mine", {})
            return {name: state.state.value for name, state in states.items()}, frame.num_rows

    assert run(main()) == ({"apiKey": "ok"}, 2)
