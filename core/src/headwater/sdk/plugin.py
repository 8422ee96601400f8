"""`DataSourcePlugin`: the hooks of contract v1, implemented on top of a `DataSource` class."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from headwater.context import CallContext
from headwater.errors import (
    HeadwaterError,
    LimitExceededError,
    PluginUnavailableError,
    ValidationError,
    describe,
)
from headwater.executor import WorkerPool
from headwater.hookspecs import hookimpl
from headwater.instances import InstanceManager
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)

from .concurrency import run_side_by_side
from .data_source import DataSource, Query
from .resources import dispatch, routes_of
from .results import chunks_of, frames_of
from .schema import json_schema, parse, secret_keys

__all__ = ["DataSourcePlugin"]

_QUERIES_SIDE_BY_SIDE = 10


class DataSourcePlugin:
    """Subclass it, fill in the class attributes, and name the class in the entry point.

    ```python
    class MySQLPlugin(DataSourcePlugin):
        id = "mysql"
        name = "MySQL"
        version = "1.0.0"
        settings_type = MySQLSettings
        query_type = MySQLQuery
        query_text_key = "rawSql"
        data_source = "headwater_mysql.datasource:MySQLDataSource"
    ```

    `data_source` is a DataSource class, or `module:Class` to import it, and the driver with it, only
    when a data source is first used.
    """

    id: ClassVar[str]
    name: ClassVar[str] = ""
    version: ClassVar[str] = ""
    description: ClassVar[str] = ""
    alias_ids: ClassVar[tuple[str, ...]] = ()
    settings_type: ClassVar[type]
    query_type: ClassVar[type[Query]]
    query_text_key: ClassVar[str] = ""
    query_language: ClassVar[str] = ""
    capabilities: ClassVar[frozenset[str]] = frozenset()
    examples: ClassVar[tuple[dict[str, Any], ...]] = ()
    data_source: ClassVar[type[DataSource[Any, Any]] | str]

    def __init__(self) -> None:
        self._instances = InstanceManager(self._serve, _Served.close)
        self._workers = WorkerPool(f"headwater-{self.id}")
        self._lock = threading.Lock()
        self._class: type[DataSource[Any, Any]] | None = None

    # --- hooks -------------------------------------------------------------------------------------

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo(
            id=self.id,
            name=self.name or self.id,
            version=self.version,
            description=self.description,
            alias_ids=self.alias_ids,
            query_text_key=self.query_text_key,
            query_language=self.query_language,
            query_schema=json_schema(self.query_type),
            settings_schema=json_schema(self.settings_type),
            secret_keys=secret_keys(self.settings_type),
            capabilities=self.capabilities,
            examples=self.examples,
        )

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        with self._instances.use(request.plugin_context) as served:
            outcomes = run_side_by_side(
                partial(self._answer, served, context=context),
                request.queries,
                self._workers,
                at_most=min(_QUERIES_SIDE_BY_SIDE, context.limits.max_concurrent_queries),
            )
        answers = zip(request.queries, outcomes, strict=True)
        return QueryDataResponse({query.ref_id: outcome for query, outcome in answers if outcome is not None})

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        return self._stream(request, context)

    @hookimpl
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        try:
            with self._instances.use(request.plugin_context) as served:
                return served.data_source.check_health(context)
        except HeadwaterError as error:
            context.check()
            return CheckHealthResult.failed(str(error))

    @hookimpl
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        with self._instances.use(request.plugin_context) as served:
            yield from dispatch(served.data_source, routes_of(type(served.data_source)), request, context)

    @hookimpl
    def stop_plugin(self) -> None:
        self._instances.stop()
        self._workers.close()

    # --- for the host ------------------------------------------------------------------------------

    def discard_instance(self, plugin_context: PluginContext) -> None:
        """Replace the data source's instance at its next use, because a worker hangs in the present one."""
        self._instances.discard(plugin_context)

    def build(self, context: PluginContext) -> DataSource[Any, Any]:
        """A new instance of the data source. Raises ValidationError, PluginUnavailableError."""
        instance = context.data_source_instance_settings
        if instance is None:
            raise ValidationError(f"plugin {self.id!r} needs a data source")
        settings: Any = parse(
            self.settings_type,
            instance.json_data,
            path="jsonData",
            secrets=instance.decrypted_secure_json_data,
        )
        return self._data_source_class()(settings, instance, _logger(self.id, instance.uid))

    # --- inside ------------------------------------------------------------------------------------

    def _serve(self, context: PluginContext) -> _Served:
        return _Served(self.build(context))

    def _data_source_class(self) -> type[DataSource[Any, Any]]:
        with self._lock:
            if self._class is None:
                self._class = _import_class(self.data_source, self.id)
            return self._class

    def _parse_query(self, query: DataQuery) -> Query:
        return parse(self.query_type, query.json, ignore_unknown=True, injected={"data_query": query})

    def _answer(self, served: _Served, query: DataQuery, *, context: CallContext) -> DataResponse | None:
        try:
            with served.turn(context):
                result = served.data_source.query(self._parse_query(query), context)
                frames = frames_of(result, query, context)
            return None if frames is None else DataResponse(frames)
        except Exception as error:
            return DataResponse.from_error(self._explain(error, query, context))

    def _stream(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        live = self._instances.acquire(request.plugin_context)
        try:
            for query in request.queries:
                try:
                    with live.instance.turn(context):
                        result = live.instance.data_source.query(self._parse_query(query), context)
                        yield from chunks_of(result, query, context)
                except Exception as error:
                    yield QueryChunk(query.ref_id, error=self._explain(error, query, context))
        finally:
            self._instances.release(live)

    def _explain(self, error: Exception, query: DataQuery, context: CallContext) -> HeadwaterError:
        """What to say of `error`: a cancelled call is cancelled, whatever the driver made of it."""
        reason = context.cancel_reason
        if isinstance(reason, HeadwaterError):
            ended = type(reason)(str(reason))
            ended.__cause__ = error
            return ended
        if not isinstance(error, HeadwaterError):
            context.logger.error("A query failed in its plugin.", ref_id=query.ref_id, exc_info=error)
        return describe(error)


class _Served:
    """A data source and the gate that bounds its concurrent queries."""

    def __init__(self, data_source: DataSource[Any, Any]) -> None:
        self.data_source = data_source
        self._condition = threading.Condition()
        self._running = 0

    @contextmanager
    def turn(self, context: CallContext) -> Iterator[None]:
        """Wait for one of the data source's places. Raises when the call ends before one is free."""
        limit = context.limits.max_concurrent_queries
        with self._condition:
            if self._running >= limit:
                self._wait_for_place(limit, context)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify()

    def _wait_for_place(self, limit: int, context: CallContext) -> None:
        with context.on_cancel(self._wake):
            free = self._condition.wait_for(
                lambda: self._running < limit or context.cancelled, context.remaining()
            )
        context.check()
        if not free:
            raise LimitExceededError(f"The data source already runs {limit} queries; try again later.")

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def close(self) -> None:
        try:
            self.data_source.close()
        except Exception:
            _logger("sdk", "").warning("Closing a data source failed.", exc_info=True)


def _import_class(target: type[DataSource[Any, Any]] | str, plugin_id: str) -> type[DataSource[Any, Any]]:
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    try:
        found: type[DataSource[Any, Any]] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        missing = f" (missing module {error.name!r})" if error.name else ""
        raise PluginUnavailableError(
            f"Plugin {plugin_id!r} cannot load its data source{missing}; reinstall its distribution."
        ) from error
    return found


def _logger(plugin_id: str, uid: str) -> Any:
    import structlog

    return structlog.get_logger("headwater.plugin").bind(plugin=plugin_id, data_source=uid)
