"""`AsyncHeadwater`: the host for asyncio. Cancelling a task cancels the query at its data source."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from .calls.context import CallContext
from .calls.event_loop import result_of
from .calls.worker_pool import WorkerPool
from .host import UNHEALTHY, Headwater, PreparedCall
from .models import (
    CallResourceResponse,
    CheckHealthResult,
    Filter,
    PluginInfo,
    QueryDataResponse,
    ResourceOptions,
    User,
)
from .queries.answers import only_frame, warn_if_cut
from .queries.options import QueryOptions
from .queries.read_tasks import ReadTask, ReadTasks

if TYPE_CHECKING:
    import pyarrow as pa

    from .datasources import AddOptions, DataSource, UpdateOptions
    from .frames import Frame, FrameStream
    from .models import QueryChunk
    from .plugins import PluginRecord
    from .queries.request import MetricQuery
    from .secrets import FieldState

__all__ = ["AsyncFrameStream", "AsyncHeadwater"]

R = TypeVar("R")


class AsyncHeadwater:
    """The methods of `Headwater` as coroutines; hooks run in threads of its own.

    Give a `Headwater` to share it, else one is made from `options` and closed with this object.
    """

    def __init__(self, headwater: Headwater | None = None, **options: Any) -> None:
        self._owned = headwater is None
        self.headwater: Headwater = headwater if headwater is not None else Headwater(**options)
        self._workers = WorkerPool("headwater-async")

    async def add_data_source(
        self,
        name: str = "",
        *,
        type: str,  # noqa: A002
        **fields: Unpack[AddOptions],
    ) -> DataSource:
        """See `Headwater.add_data_source`."""
        return await self._run(
            CallContext(), lambda: self.headwater.add_data_source(name, type=type, **fields)
        )

    async def update_data_source(self, data_source: str, **changes: Unpack[UpdateOptions]) -> DataSource:
        """See `Headwater.update_data_source`."""
        return await self._run(
            CallContext(), lambda: self.headwater.update_data_source(data_source, **changes)
        )

    async def remove_data_source(self, data_source: str) -> None:
        """See `Headwater.remove_data_source`."""
        await self._run(CallContext(), lambda: self.headwater.remove_data_source(data_source))

    async def list_data_sources(self) -> Sequence[DataSource]:
        """See `Headwater.list_data_sources`."""
        return await self._run(CallContext(), self.headwater.list_data_sources)

    async def data_source(self, uid_or_name: str) -> DataSource:
        """See `Headwater.data_source`."""
        return await self._run(CallContext(), lambda: self.headwater.data_source(uid_or_name))

    async def secret_states(self, data_source: str) -> Mapping[str, FieldState]:
        """See `Headwater.secret_states`."""
        return await self._run(CallContext(), lambda: self.headwater.secret_states(data_source))

    async def plugin_info(self, plugin_id: str) -> PluginInfo:
        """See `Headwater.plugin_info`."""
        return await self._run(CallContext(), lambda: self.headwater.plugin_info(plugin_id))

    async def load_plugins(self) -> list[PluginRecord]:
        """See `Headwater.load_plugins`."""
        return await self._run(CallContext(), self.headwater.load_plugins)

    def add_plugin(self, plugin_id: str, implementation: object) -> None:
        """See `Headwater.add_plugin`, which does not block."""
        self.headwater.add_plugin(plugin_id, implementation)

    async def query(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> Frame:
        """See `Headwater.query`."""
        frames = await self._frames(data_source, query, options)
        warn_if_cut(frames, options, self.headwater.limits)
        return only_frame(frames)

    async def query_frames(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> list[Frame]:
        """See `Headwater.query_frames`."""
        frames = await self._frames(data_source, query, options)
        warn_if_cut(frames, options, self.headwater.limits)
        return frames

    async def run(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> Frame:
        """See `Headwater.run`."""
        return only_frame(await self.run_frames(named_query, values, **keywords))

    async def run_frames(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> list[Frame]:
        """See `Headwater.run_frames`."""
        with self._own_context(keywords.get("context")) as context:
            own = {**keywords, "context": context}
            started = await self._run(
                context, lambda: self.headwater.start_run_frames(named_query, values, **own)
            )
            return await self._ended(started, context)

    def run_stream(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> _OpeningStream:
        """See `Headwater.run_stream`; used like `stream`."""

        def start(context: CallContext) -> FrameStream:
            return self.headwater.run_stream(named_query, values, **{**keywords, "context": context})

        return self._opening(start, keywords.get("context"))

    def run_chunks(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> AsyncGenerator[QueryChunk, None]:
        """See `Headwater.run_chunks`. Leave it early within `contextlib.aclosing`."""

        def start(context: CallContext) -> Generator[QueryChunk, None, None]:
            return self.headwater.run_chunks(named_query, values, **{**keywords, "context": context})

        return self._each(start, keywords.get("context"))

    def stream(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> _OpeningStream:
        """See `Headwater.stream`. `async with headwater.stream(…) as stream` closes the stream at the end;
        whoever writes `stream = await headwater.stream(…)` closes it, or reads it to its end."""

        def start(context: CallContext) -> FrameStream:
            own: QueryOptions = {**options, "context": context}
            return self.headwater.stream(data_source, query, **own)

        return self._opening(start, options.get("context"))

    async def sql(self, statement: str, **options: Unpack[QueryOptions]) -> Frame:
        """See `Headwater.sql`."""
        with self._own_context(options.get("context")) as context:
            own: QueryOptions = {**options, "context": context}
            return await self._run(context, lambda: self.headwater.sql(statement, **own))

    def sql_stream(self, statement: str, **options: Unpack[QueryOptions]) -> _OpeningStream:
        """See `Headwater.sql_stream`; entered or awaited as `stream` is."""

        def start(context: CallContext) -> FrameStream:
            own: QueryOptions = {**options, "context": context}
            return self.headwater.sql_stream(statement, **own)

        return self._opening(start, options.get("context"))

    async def read_tasks(
        self,
        data_source: str,
        query: str | Mapping[str, Any] = "",
        *,
        target: int = 8,
        columns: Sequence[str] | None = None,
        filters: Sequence[Filter] = (),
        **options: Unpack[QueryOptions],
    ) -> ReadTasks:
        """See `Headwater.read_tasks`."""
        with self._own_context(options.get("context")) as context:
            own: QueryOptions = {**options, "context": context}
            return await self._run(
                context,
                lambda: self.headwater.read_tasks(
                    data_source, query, target=target, columns=columns, filters=filters, **own
                ),
            )

    def read_task(
        self,
        task: ReadTask,
        *,
        timeout: float | None = None,
        context: CallContext | None = None,
        user: User | None = None,
    ) -> _OpeningStream:
        """See `Headwater.read_task`; used like `stream`."""
        return self._opening(
            lambda call: self.headwater.read_task(task, timeout=timeout, context=call, user=user), context
        )

    def _opening(
        self, start: Callable[[CallContext], FrameStream], given: CallContext | None
    ) -> _OpeningStream:
        async def open_stream() -> AsyncFrameStream:
            context = self._own_context(given)
            try:
                stream = await self._run(
                    context, lambda: start(context), unclaimed=lambda stream: stream.close()
                )
            except BaseException:
                context.close()
                raise
            return AsyncFrameStream(self, stream, context)

        return _OpeningStream(open_stream)

    def query_chunks(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> AsyncGenerator[QueryChunk, None]:
        """See `Headwater.query_chunks`. Leave it early within `contextlib.aclosing`."""

        def start(context: CallContext) -> Generator[QueryChunk, None, None]:
            own: QueryOptions = {**options, "context": context}
            return self.headwater.query_chunks(data_source, query, **own)

        return self._each(start, options.get("context"))

    async def query_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
    ) -> QueryDataResponse:
        """See `Headwater.query_data`."""
        with self._own_context(context) as call:
            return await self._ended(
                self.headwater.start_query_data(request, call, user=user, then=lambda answer: answer), call
            )

    def query_chunked_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
    ) -> AsyncGenerator[QueryChunk, None]:
        """See `Headwater.query_chunked_data`. Leave it early within `contextlib.aclosing`."""
        return self._each(lambda call: self.headwater.query_chunked_data(request, call, user=user), context)

    async def check_health(
        self,
        data_source: str,
        *,
        timeout: float | None = 30.0,  # noqa: ASYNC109 the call's deadline, which the data source sees
        context: CallContext | None = None,
        user: User | None = None,
    ) -> CheckHealthResult:
        """See `Headwater.check_health`."""
        host = self.headwater
        try:
            return await self._call_plugin(
                lambda call: host._health(data_source, call, user), context, timeout
            )
        except UNHEALTHY as error:
            return CheckHealthResult.failed(str(error))

    async def call_resource(
        self,
        data_source: str,
        path: str,
        *,
        context: CallContext | None = None,
        user: User | None = None,
        **request: Unpack[ResourceOptions],
    ) -> CallResourceResponse:
        """See `Headwater.call_resource`."""
        host = self.headwater
        return await self._call_plugin(
            lambda call: host._resource(data_source, path, call, user, **request),
            context,
            host.limits.timeout,
        )

    async def close(self) -> None:
        """End this object's threads, and the host if it was made here."""
        if self._owned:
            await self._run(CallContext(), self.headwater.close)
        self._workers.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _frames(
        self, data_source: str, query: str | Mapping[str, Any], options: QueryOptions
    ) -> list[Frame]:
        with self._own_context(options.get("context")) as context:
            own: QueryOptions = {**options, "context": context}
            return await self._ended(self.headwater.start_query_frames(data_source, query, **own), context)

    def _own_context(self, given: CallContext | None) -> CallContext:
        """A context of the call's own, so that a cancelled task ends this call and no other."""
        return CallContext() if given is None else given.child()

    async def _call_plugin(
        self,
        prepare: Callable[[CallContext], PreparedCall[R]],
        given: CallContext | None,
        timeout: float | None,  # noqa: ASYNC109 as in `check_health`
    ) -> R:
        """`Headwater._call_plugin` in one worker, `prepare` too, because the store may block."""
        call, runner = self.headwater._call(given, timeout), self.headwater._runner

        def begin(end: Callable[[Future[R]], None]) -> None:
            run, plugin_context = prepare(call)
            runner.start(run, call, plugin_context, end, here=True)

        return await self._ended(runner.begin(begin, call, lambda ended: ended.result()), call)

    async def _each(
        self, start: Callable[[CallContext], Generator[R, None, None]], given: CallContext | None
    ) -> AsyncGenerator[R, None]:
        """What a generator yields, each in a thread. Whoever leaves ends it, also while it works."""
        running = threading.Lock()  # a cancelled task closes the generator while a thread is still in it
        with self._own_context(given) as context:
            pieces = await self._run(context, lambda: start(context))

            def following() -> R | None:
                with running:
                    return next(pieces, None)

            def end() -> None:
                with running:
                    pieces.close()

            try:
                while (piece := await self._run(context, following)) is not None:
                    yield piece
            finally:
                await self._run(context, end)

    async def _run(
        self,
        context: CallContext,
        call: Callable[[], R],
        *,
        unclaimed: Callable[[R], object] | None = None,
    ) -> R:
        """Run `call` in a thread. A cancelled task cancels `context`, in another thread: that may block.

        `unclaimed` frees a result that comes after the task was cancelled.
        """
        future = self._workers.submit(contextvars.copy_context().run, call)
        try:
            return await self._ended(future, context)
        except asyncio.CancelledError:
            if unclaimed is not None:
                future.add_done_callback(lambda done: _free(done, unclaimed))
            raise

    async def _ended(self, future: Future[R], context: CallContext) -> R:
        try:
            return await result_of(future)
        except asyncio.CancelledError:
            context.cancel_in(self._workers.submit)
            raise


class AsyncFrameStream:
    """Record batches, read in threads one at a time. Made by `AsyncHeadwater.stream`.

    `stream` is the blocking one behind it, with its name, meta, error and counts. It holds the data source
    until it is closed or read to its end.
    """

    def __init__(self, host: AsyncHeadwater, stream: FrameStream, context: CallContext) -> None:
        self._host = host
        self._context = context
        self.stream = stream

    @property
    def schema(self) -> pa.Schema:
        """The batches' schema."""
        return self.stream.schema

    async def close(self) -> None:
        """End the query, if it runs still; safe to repeat."""
        try:
            await self._host._run(self._context, self.stream.close)
        finally:
            self._context.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        # StopIteration cannot be raised into a future, so the end travels as None.
        batch = await self._host._run(self._context, lambda: next(self.stream, None))
        if batch is None:
            self._context.close()
            raise StopAsyncIteration
        return batch

    async def encode(self, *, compression: str | None = None) -> AsyncGenerator[bytes, None]:
        """The rest of the rows as an Arrow IPC stream, piece by piece: the body of an HTTP answer.

        `compression` is None, `lz4` or `zstd`.
        """
        from .frames import encode_stream

        pieces = encode_stream(self.stream, compression=compression)
        while (piece := await self._host._run(self._context, lambda: next(pieces, None))) is not None:
            yield piece


class _OpeningStream:
    """A stream that opens when it is awaited or entered."""

    def __init__(self, open_stream: Callable[[], Coroutine[Any, Any, AsyncFrameStream]]) -> None:
        self._open = open_stream

    def __await__(self) -> Generator[Any, Any, AsyncFrameStream]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncFrameStream:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.close()


def _free(done: Future[R], free: Callable[[R], object]) -> None:
    if not done.cancelled() and done.exception() is None:
        free(done.result())
