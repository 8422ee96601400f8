"""`Headwater`: the host object that an application embeds. Everything it uses belongs to it alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve

from .client import PluginClient
from .context import CallContext, Progress, QueryLimits
from .datasources import (
    AddDataSource,
    DataSource,
    DataSourceCache,
    DataSourceService,
    DataSourceStore,
    MemoryStore,
    UpdateDataSource,
)
from .discovery import PluginRecord, discover
from .errors import (
    DataSourceNotFoundError,
    DeadlineExceededError,
    FrameError,
    PluginUnavailableError,
    ValidationError,
)
from .executor import WorkerPool
from .metric_request import DataSourceRef, MetricQuery, parse_metric_request
from .middleware import ErrorSourceMiddleware, LoggingMiddleware
from .models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    PluginInfo,
    QueryChunk,
    QueryDataResponse,
    TimeRange,
    User,
)
from .plugin import CorePlugin, Plugin, unusable
from .plugin_context import PluginContextProvider
from .query import QueryService
from .registry import InMemoryRegistry, Registry

if TYPE_CHECKING:
    from .frames import Frame, FrameStream
    from .secrets import KeySource

__all__ = ["Headwater"]

_LAST_HOUR = timedelta(hours=1)


class Headwater:
    """Finds the installed data-source plugins, keeps data sources, and queries them. Thread-safe.

    ```python
    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata")
        table = headwater.query("demo", "random_walk").table
    ```

    Without arguments data sources live in memory and their secrets under a key that is never written.
    Give a `store` and `key_sources` to keep them. `registry` replaces discovery: its plugins are the only
    ones. `allow_plugins` and `block_plugins` are plugin ids. `config` are settings for plugins under
    Grafana's names. Two hosts in one process share nothing.
    """

    def __init__(
        self,
        store: DataSourceStore | None = None,
        *,
        key_sources: Sequence[KeySource] | None = None,
        registry: Registry | None = None,
        allow_plugins: Collection[str] | None = None,
        block_plugins: Collection[str] | None = None,
        middlewares: Sequence[object] = (),
        limits: QueryLimits | None = None,
        config: Mapping[str, str] | None = None,
        cache_ttl: float = 5.0,
        workers: WorkerPool | None = None,
    ) -> None:
        self.limits = limits or QueryLimits()
        self.store = store if store is not None else MemoryStore()
        self.data_sources = DataSourceService.with_keys(self.store, _key_sources(key_sources))
        self.plugins: list[PluginRecord] = []
        if registry is None:
            self.plugins = discover(allow=allow_plugins, block=block_plugins)
            registry = _registry_of(self.plugins, middlewares)
        self.registry = registry
        self._cache = DataSourceCache(self.store, ttl=cache_ttl)
        self.plugin_contexts = PluginContextProvider(
            registry, self.data_sources.decrypt, config=config, namespace=uuid.uuid4().hex
        )
        self._client = PluginClient(registry)
        self._workers = workers or WorkerPool()
        self.query_service = QueryService(self._cache, self.plugin_contexts, self._client, self._workers)
        self._closed = False

    # --- data sources ------------------------------------------------------------------------------

    def add_data_source(self, name: str = "", *, type: str, **fields: Any) -> DataSource:  # noqa: A002
        """Add a data source; `fields` are those of AddDataSource.

        `secure_json_data` holds plaintext secrets, which are encrypted before they reach the store.
        Raises PluginNotRegisteredError for an unknown type, ValidationError, DataSourceExistsError.
        """
        plugin_id = self.plugin_contexts.get(type).plugin_id
        return self.data_sources.add(AddDataSource(name=name, type=plugin_id, **fields))

    def update_data_source(self, data_source: str, **changes: Any) -> DataSource:
        """Change some fields of a data source, named by uid or name; its next query uses them.

        Secrets that `secure_json_data` does not name stay as they are; an empty text removes one.
        """
        stored = self.data_source(data_source)
        updated = self.data_sources.update(UpdateDataSource.of(stored, **changes))
        self._cache.invalidate(stored.uid)
        return updated

    def remove_data_source(self, data_source: str) -> None:
        """Remove a data source, named by uid or name. Raises DataSourceNotFoundError."""
        stored = self.data_source(data_source)
        self.data_sources.delete(stored.uid)
        self._cache.invalidate(stored.uid)
        self._client.discard_instance(self.plugin_contexts.identify(stored))

    def data_source(self, uid_or_name: str) -> DataSource:
        """The data source with this uid or else this name. Raises DataSourceNotFoundError."""
        try:
            return self._cache.get_by_uid(uid_or_name)
        except DataSourceNotFoundError:
            pass
        try:
            return self.store.get_by_name(uid_or_name)
        except DataSourceNotFoundError:
            raise DataSourceNotFoundError(f"There is no data source {uid_or_name!r}.") from None

    # --- queries -----------------------------------------------------------------------------------

    def query(self, data_source: str, query: str | Mapping[str, Any] = "", **options: Any) -> Frame:
        """Run one query and return its frame.

        `query` is the query object, or its main text (SQL, PromQL). Options, all by keyword:

        * `from_`, `to`: datetimes, epoch milliseconds, or text such as `now-6h`; or `time_range`.
          The last hour by default.
        * `timeout` in seconds, `max_rows`, `max_bytes`: bounds; a cut result carries a notice.
        * `max_data_points`, `interval_ms`: what the step is chosen from.
        * `params`: parameters bound by the data source.
        * `context`: a CallContext, to cancel from another thread.
        * `on_progress`: called with a Progress.

        Raises the query's error; FrameError if the answer has several frames (see `query_frames`).
        """
        frames = self.query_frames(data_source, query, **options)
        if len(frames) > 1:
            raise FrameError(f"The answer has {len(frames)} frames; use query_frames.")
        if not frames:
            from .frames import Frame

            return Frame.from_pydict({})
        return frames[0]

    def query_frames(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Any
    ) -> list[Frame]:
        """Like `query`, for answers of any number of frames."""
        asked, context = self._prepare(data_source, query, self.limits.timeout, options)
        with context:
            response = self.query_service.query_data([asked], context).responses.get("A")
        if response is None:
            return []
        if response.error is not None:
            raise response.error
        return list(response.frames)

    def stream(self, data_source: str, query: str | Mapping[str, Any] = "", **options: Any) -> FrameStream:
        """Run one query and read its rows while they arrive, in bounded memory.

        Options as for `query`; row and byte limits do not apply, and there is no deadline unless
        `timeout` sets one. Close the stream, or read it to its end. Returns once the schema is known.
        """
        asked, context = self._prepare(data_source, query, None, options)
        return _stream_of(self.query_service.query_chunked_data([asked], context), context)

    def query_chunks(
        self, data_source: str, query: str | Mapping[str, Any] = "", **options: Any
    ) -> Generator[QueryChunk, None, None]:
        """Like `stream`, for answers of any number of frames: their pieces as they arrive.

        Close the generator to end the query. An error is a chunk, too: its `error` is set.
        """
        asked, context = self._prepare(data_source, query, None, options)
        with context:
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
        with context or CallContext(timeout=self.limits.timeout, limits=self.limits) as call:
            queries = (
                parse_metric_request(request, headers=call.headers)
                if isinstance(request, Mapping)
                else request
            )
            return self.query_service.query_data(queries, call, user)

    def query_chunked_data(
        self,
        request: Mapping[str, Any] | Sequence[MetricQuery],
        context: CallContext,
        *,
        user: User | None = None,
    ) -> Iterator[QueryChunk]:
        """Like `query_data`, piece by piece. Close the iterator to end the queries."""
        queries = (
            parse_metric_request(request, headers=context.headers)
            if isinstance(request, Mapping)
            else request
        )
        return self.query_service.query_chunked_data(queries, context, user)

    # --- health and resources ----------------------------------------------------------------------

    def check_health(
        self, data_source: str, *, timeout: float | None = 30.0, user: User | None = None
    ) -> CheckHealthResult:
        """Try a data source. A source that is down is a result with status ERROR, not an exception."""
        plugin_context = self.plugin_contexts.get_with_data_source(self.data_source(data_source), user)
        with CallContext(timeout=timeout, limits=self.limits) as context:
            request = CheckHealthRequest(plugin_context)
            future = self._workers.submit(self._client.check_health, request, context)
            try:
                return self.query_service.wait(future, context, plugin_context)
            except DeadlineExceededError as error:
                return CheckHealthResult.failed(str(error))

    def call_resource(
        self,
        data_source: str,
        path: str,
        *,
        method: str = "GET",
        query_string: str = "",
        headers: Mapping[str, tuple[str, ...]] | None = None,
        body: bytes = b"",
        context: CallContext | None = None,
        user: User | None = None,
    ) -> CallResourceResponse:
        """Ask a plugin for something that is not a query; the whole answer at once."""
        plugin_context = self.plugin_contexts.get_with_data_source(self.data_source(data_source), user)
        path = path.lstrip("/")
        request = CallResourceRequest(
            plugin_context,
            path=path,
            method=method,
            url=f"{path}?{query_string}" if query_string else path,
            headers=headers or {},
            body=body,
        )
        with context or CallContext(timeout=self.limits.timeout, limits=self.limits) as call:
            first, *rest = self._client.call_resource(request, call)
        return evolve(first, body=b"".join([first.body, *(each.body for each in rest)]))

    # --- plugins and life cycle --------------------------------------------------------------------

    def plugin_info(self, plugin_id: str) -> PluginInfo:
        """What a plugin says of itself. Raises PluginNotRegisteredError, PluginUnavailableError."""
        registered = self.registry.plugin(self.plugin_contexts.get(plugin_id).plugin_id)
        assert registered is not None
        return registered.info

    def load_plugins(self) -> list[PluginRecord]:
        """Import every plugin, so that each record says whether it is READY, BROKEN or INVALID."""
        for record in self.plugins:
            try:
                record.load()
            except PluginUnavailableError:
                continue
        return self.plugins

    def close(self) -> None:
        """End queries, instances, threads and the cache. The store stays open if the caller gave it."""
        if self._closed:
            return
        self._closed = True
        for plugin in self.registry.plugins():
            plugin.decommission()
        for plugin in self.registry.plugins():
            _stop(plugin)
        self._cache.close()
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ------------------------------------------------------------------------------------

    def _prepare(
        self,
        data_source: str,
        query: str | Mapping[str, Any],
        default_timeout: float | None,
        options: dict[str, Any],
    ) -> tuple[MetricQuery, CallContext]:
        stored = self.data_source(data_source)
        time_range = _time_range(options)
        context = self._context(default_timeout, options)
        json = dict(query) if isinstance(query, Mapping) else self._text_query(stored, query)
        if (params := options.pop("params", None)) is not None:
            json["params"] = params
        asked = DataQuery(
            ref_id="A",
            query_type=json.get("queryType") or "",
            max_data_points=options.pop("max_data_points", 1000),
            interval_ms=options.pop("interval_ms", 1000),
            time_range=time_range,
            json=json,
        )
        if options:
            raise TypeError(f"unknown option {next(iter(options))!r}")
        return MetricQuery(DataSourceRef(uid=stored.uid), asked), context

    def _context(self, default_timeout: float | None, options: dict[str, Any]) -> CallContext:
        given: CallContext | None = options.pop("context", None)
        timeout = options.pop("timeout", default_timeout)
        on_progress: Callable[[Progress], object] | None = options.pop("on_progress", None)
        bounds = {key: options.pop(key) for key in ("max_rows", "max_bytes") if key in options}
        limits = evolve(self.limits, **bounds)
        if given is not None:
            return given.child(timeout=timeout, limits=limits)
        return CallContext(timeout=timeout, limits=limits, on_progress=on_progress)

    def _text_query(self, stored: DataSource, text: str) -> dict[str, Any]:
        if not text:
            return {}
        key = self.plugin_info(stored.type).query_text_key
        if not key:
            raise ValidationError(f"plugin {stored.type!r} takes query objects, not text", path="query")
        return {key: text}


def _key_sources(key_sources: Sequence[KeySource] | None) -> Sequence[KeySource]:
    from .secrets import InMemoryKeySource

    return (InMemoryKeySource(),) if key_sources is None else key_sources


def _registry_of(records: Sequence[PluginRecord], middlewares: Sequence[object]) -> Registry:
    """One plugin per id: the usable record, else one that says why there is none."""
    registry = InMemoryRegistry()
    wrappers = (LoggingMiddleware(), *middlewares, ErrorSourceMiddleware())
    by_id: dict[str, PluginRecord] = {}
    for record in records:
        if record.plugin_id not in by_id or record.usable:
            by_id[record.plugin_id] = record
    for plugin_id, record in by_id.items():
        registry.add(
            CorePlugin(plugin_id, record.load, version=record.version, middlewares=wrappers)
            if record.usable
            else unusable(plugin_id, record.explanation, record.version)
        )
    return registry


def _time_range(options: dict[str, Any]) -> TimeRange:
    given: TimeRange | None = options.pop("time_range", None)
    from_, to = options.pop("from_", None), options.pop("to", None)
    if given is not None:
        return given
    if from_ is None and to is None:
        return TimeRange.last(_LAST_HOUR)
    if isinstance(from_, datetime) and isinstance(to, datetime):
        return TimeRange(from_, to)
    from .frames.intervals import parse_time_range

    return parse_time_range(_time_text(from_, "now-1h"), _time_text(to, "now"))


def _time_text(value: object, default: str) -> str:
    if value is None:
        return default
    if isinstance(value, datetime):
        return str(int(value.timestamp() * 1000))
    return str(value)


def _stream_of(chunks: Iterator[QueryChunk], context: CallContext) -> FrameStream:
    """The rows of the only frame of an answer. Waits for the first piece, which has the schema."""
    from .frames import Frame, FrameStream

    first = next(chunks, None)
    if first is None or first.frame is None:
        context.close()
        if first is not None and first.error is not None:
            raise first.error
        return FrameStream.from_frame(Frame.from_pydict({}))
    frame, frame_id = first.frame, first.frame_id

    def batches() -> Iterator[Any]:
        try:
            yield from frame.table.to_batches()
            for chunk in chunks:
                if chunk.error is not None:
                    raise chunk.error
                if chunk.frame_id != frame_id:
                    raise FrameError("The answer has several frames; use query_frames.")
                if chunk.frame is not None:
                    stream.meta = chunk.frame.meta
                    yield from chunk.frame.table.to_batches()
        finally:
            _close(chunks)
            context.close()

    stream = FrameStream(
        frame.schema,
        batches(),
        name=frame.name,
        ref_id=frame.ref_id,
        meta=frame.meta,
        on_cancel=context.cancel,
    )
    return stream


def _stop(plugin: Plugin) -> None:
    """One plugin that does not end well must not keep the others from ending."""
    try:
        plugin.stop()
    except Exception:
        import structlog

        structlog.get_logger("headwater").warning(
            "Stopping a plugin failed.", plugin=plugin.plugin_id, exc_info=True
        )


def _close(chunks: Iterator[QueryChunk]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
