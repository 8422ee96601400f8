"""The methods of `Headwater` that ask questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from headwater.calls.context import CallContext, QueryLimits
from headwater.errors import ValidationError
from headwater.models import PluginInfo, QueryChunk, QueryDataResponse, User
from headwater.plugins.known_keys import check_query
from headwater.queries.answers import frames_of, only_frame, warn_if_cut
from headwater.queries.chunks import stream_of
from headwater.queries.options import QueryOptions, check_options, context_of, data_query_of
from headwater.queries.request import DataSourceRef, MetricQuery, parse_metric_request

if TYPE_CHECKING:
    import weakref

    from headwater.calls.runner import CallRunner
    from headwater.datasources import DataSource
    from headwater.frames import Frame, FrameStream
    from headwater.plugins.registry import Registry
    from headwater.queries.service import QueryService

R = TypeVar("R")


class QueryMethods(ABC):
    """What asks `query_service`, whichever that is."""

    limits: QueryLimits
    logger: Any
    registry: Registry
    query_service: QueryService
    _runner: CallRunner
    _streams: weakref.WeakSet[FrameStream]

    @abstractmethod
    def data_source(self, uid_or_name: str) -> DataSource:
        """The data source with this uid or else this name. Raises DataSourceNotFoundError."""

    @abstractmethod
    def plugin_info(self, plugin_id: str) -> PluginInfo:
        """What a plugin says of itself. Raises PluginNotRegisteredError, PluginUnavailableError."""

    @abstractmethod
    def _check_process(self) -> None: ...

    def query(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> Frame:
        """Run one query and return its frame.

        `query` is the query object, or its main text (SQL, PromQL). Options, all by keyword:

        * `from_`, `to`: datetimes, epoch milliseconds, or text such as `now-6h`; or `time_range`.
          The last hour by default.
        * `timeout` in seconds, `max_rows`, `max_bytes`: bounds, None for none. A cut result carries a notice,
          and its frame is `truncated`; TruncatedResultWarning tells of one that the defaults cut.
        * `max_data_points`, `interval_ms`: what the step is chosen from.
        * `params`: parameters bound by the data source.
        * `cache_ttl`: for how many seconds the answer may be remembered, 0 for none; `cache_stale_ttl`: for
          how many more it serves while a new one is fetched; see `answer_cache`.
        * `context`: a CallContext, to cancel from another thread. The call ends with it.
        * `on_progress`: called with a Progress.

        Raises the query's error; ValidationError for a key that the plugin does not know;
        FrameError if the answer has several frames (see `query_frames`).
        """
        frames = self._collect(data_source, query, options)
        warn_if_cut(frames, options, self.limits)
        return only_frame(frames)

    def query_frames(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> list[Frame]:
        """Like `query`, for answers of any number of frames."""
        frames = self._collect(data_source, query, options)
        warn_if_cut(frames, options, self.limits)
        return frames

    def start_query_frames(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> Future[list[Frame]]:
        """Like `query_frames`, for an event loop; see `start_query_data`. Warns of nothing."""
        context = self._query_context(options, self.limits.timeout)
        return self._start(lambda: [self._asked(data_source, query, options)], context, None, frames_of)

    def stream(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> FrameStream:
        """Run one query and read its rows while they arrive, in bounded memory.

        Options as for `query`; row and byte limits do not apply, and there is no deadline unless
        `timeout` sets one. Close the stream, or read it to its end. Returns once the schema is known.
        """
        context = self._query_context(options, None)
        asked = self._asked(data_source, query, options)
        chunks = self._kept(self.query_service.query_chunked_data([asked], context))
        stream = stream_of(chunks, context)
        self._streams.add(stream)
        return stream

    def query_chunks(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Unpack[QueryOptions]
    ) -> Generator[QueryChunk, None, None]:
        """Like `stream`, for answers of any number of frames: their pieces as they arrive.

        Close the generator to end the query. An error is a chunk, too: its `error` is set.
        """
        with self._query_context(options, None) as context:
            asked = self._asked(data_source, query, options)
            yield from self.query_service.query_chunked_data([asked], context)

    def query_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
    ) -> QueryDataResponse:
        """Run a request of several queries: the body of `POST /api/ds/query`, or parsed queries.

        One outcome per ref id. Raises only what concerns the request as a whole.
        """
        with self._call(context, self.limits.timeout) as call:
            return self.query_service.query_data(_metric_queries(request, call), call, user)

    def start_query_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
        then: Callable[[QueryDataResponse], R],
    ) -> Future[R]:
        """Like `query_data`, for an event loop: returns at once.

        The future ends with what `then` makes of the answer, in the worker that brought it. Cancel the
        context to end it early.
        """
        call = self._call(context, self.limits.timeout)
        return self._start(lambda: _metric_queries(request, call), call, user, then)

    def query_chunked_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext,
        *,
        user: User | None = None,
    ) -> Generator[QueryChunk, None, None]:
        """Like `query_data`, piece by piece. Close the generator to end the queries."""
        queries = _metric_queries(request, context)

        def chunks() -> Generator[QueryChunk, None, None]:
            with self._call(context, None) as call:
                yield from self.query_service.query_chunked_data(queries, call, user)

        return chunks()

    def _collect(
        self, data_source: str, query: str | Mapping[str, Any], options: QueryOptions
    ) -> list[Frame]:
        with self._query_context(options, self.limits.timeout) as context:
            asked = self._asked(data_source, query, options)
            return frames_of(self.query_service.query_data([asked], context))

    def _query_context(self, options: QueryOptions, default_timeout: float | None) -> CallContext:
        check_options(options)
        return self._runner.watch(context_of(options, self.limits, default_timeout, self.logger))

    def _asked(self, data_source: str, query: str | Mapping[str, Any], options: QueryOptions) -> MetricQuery:
        stored = self.data_source(data_source)
        if isinstance(query, str):
            json = self._text_query(stored, query)
        elif query and not isinstance(query, Mapping):  # as programs pass on what their callers sent
            raise ValidationError(
                f"give the query as text, or its keys as a mapping, not {type(query).__name__}", path="query"
            )
        else:
            json = dict(query or {})
            if (plugin := self.registry.plugin(stored.type)) is not None:
                check_query(plugin.info, json)
        return MetricQuery(DataSourceRef(uid=stored.uid), data_query_of(json, options))

    def _call(self, context: CallContext | None, timeout: float | None) -> CallContext:
        """A context for one call, under the caller's if there is one."""
        self._check_process()
        options: QueryOptions = {} if context is None else {"context": context}
        return self._runner.watch(context_of(options, self.limits, timeout, self.logger))

    def _start(
        self,
        prepare: Callable[[], Sequence[MetricQuery]],
        context: CallContext,
        user: User | None,
        then: Callable[[QueryDataResponse], R],
    ) -> Future[R]:
        """Everything in one worker, `prepare` too, because the store may block; a request of several data
        sources takes one more for each of the others."""

        def begin(end: Callable[[Future[QueryDataResponse]], None]) -> None:
            self.query_service.start(prepare(), context, user, end, here=True)

        return self._runner.begin(begin, context, lambda ended: then(ended.result()))

    def _kept(self, chunks: Generator[QueryChunk, None, None]) -> Generator[QueryChunk, None, None]:
        """`chunks`, which keep this host alive: it has to end their query when the program ends."""
        yield from chunks

    def _text_query(self, stored: DataSource, text: str) -> dict[str, Any]:
        if not text:
            return {}
        key = self.plugin_info(stored.type).query_text_key
        if not key:
            raise ValidationError(f"plugin {stored.type!r} takes query objects, not text", path="query")
        return {key: text}


def _metric_queries(
    request: Mapping[str, Any] | Sequence[MetricQuery], context: CallContext
) -> Sequence[MetricQuery]:
    if isinstance(request, Mapping):
        return parse_metric_request(request, headers=context.headers)
    return request
