"""`DataSourcePlugin`: the hooks of contract v1, implemented on top of a `DataSource` class."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from headwater.calls.context import CallContext
from headwater.calls.worker_pool import WorkerPool
from headwater.errors import (
    PluginRequestFailedError,
    PluginUnavailableError,
    ValidationError,
    describe,
)
from headwater.logs import get_logger
from headwater.models import (
    AnswerTraits,
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    Filter,
    Partitions,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    QueryExample,
    QueryMacro,
)
from headwater.plugins.hookspecs import hookimpl
from headwater.plugins.instances import InstanceManager
from headwater.plugins.known_keys import is_later, without_host_settings

from .concurrency import run_concurrently
from .data_source import AnyDataSource, Query
from .live import LiveDataSource
from .results import chunks_of, frames_of
from .schema import json_schema, parse, secret_keys

__all__ = ["DataSourcePlugin"]

_QUERIES_SIDE_BY_SIDE = 10
# Anything else that a query raises is its outcome: SystemExit, and panics of compiled drivers, included.
_NOT_OF_THE_QUERY = (KeyboardInterrupt, GeneratorExit)
_CONNECTION = ("url", "user", "database", "basicAuthUser")
_REQUIRED = ("id", "settings_type", "query_type", "data_source")
_BOUND_KIND = re.compile(r"(?:text|integer|number)(?:\[\])?")


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

    `data_source` is a class of DataSource or AsyncDataSource, or `module:Class` to import it, and the driver
    with it, only when a data source is first used. `connection` says which of `url`, `user`, `database` and
    `basicAuthUser` it uses, and what each means: `{"url": "host:port of the server"}`. `routes` names
    those of its resources, such as `api/v1/label/{name}/values`, that a host also serves under its
    data-source proxy. `table_query` is the query that reads a whole table (see `PluginInfo`), so that
    `headwater.sql` takes `shop.orders`. `parameter_placeholders` say how a text names its parameters (see
    there, too), so that variables can stand in it.
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
    examples: ClassVar[tuple[QueryExample, ...]] = ()
    macros: ClassVar[tuple[QueryMacro, ...]] = ()
    routes: ClassVar[tuple[str, ...]] = ()
    connection: ClassVar[Mapping[str, str] | None] = None
    table_query: ClassVar[Mapping[str, str]] = {}
    identifier_quote: ClassVar[str] = ""
    parameter_placeholders: ClassVar[Mapping[str, str]] = {}
    data_source: ClassVar[type[AnyDataSource] | str]

    def __init__(self) -> None:
        if missing := [name for name in _REQUIRED if not hasattr(self, name)]:
            raise TypeError(f"{type(self).__name__} lacks {', '.join(missing)}")
        if unknown := [key for key in self.connection or () if key not in _CONNECTION]:
            raise TypeError(
                f"{type(self).__name__}.connection names {', '.join(unknown)}; "
                f"it can name {', '.join(_CONNECTION)}"
            )
        if wrong := [kind for kind, text in self.parameter_placeholders.items() if not _places(kind, text)]:
            raise TypeError(
                f"{type(self).__name__}.parameter_placeholders has a wrong {wrong[0]!r}: keys are text, "
                "integer and number, also with [] behind, and `name` stands in each for the parameter's name"
            )
        self._instances = InstanceManager(self._serve, LiveDataSource.close)
        self._workers = WorkerPool(f"headwater-{self.id}")
        self._lock = threading.Lock()  # guards the class that is imported at first use
        self._class: type[AnyDataSource] | None = None

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
            macros=self.macros,
            notes=self.notes(),
            routes=self.routes,
            connection=self.connection,
            table_query=self.table_query,
            identifier_quote=self.identifier_quote,
            parameter_placeholders=self.parameter_placeholders,
        )

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        return self.answer_traits(self._parse_query(query), self._settings(plugin_context))

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        with self._instances.use(request.plugin_context) as served:
            outcomes = run_concurrently(
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
                return served.check_health(context)
        except Exception as error:
            context.check()
            described = describe(error)
            if isinstance(described, PluginRequestFailedError):
                raise
            return CheckHealthResult.failed(str(described))

    @hookimpl
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        with self._instances.use(request.plugin_context) as served:
            yield from served.call_resource(request, context)

    @hookimpl
    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        with self._instances.use(request.plugin_context) as served:
            query = self._parse_query(request.queries[0])
            return served.partitions(query, target, columns, filters, context)

    @hookimpl
    def stop_plugin(self) -> None:
        try:
            self._instances.stop()
        finally:
            self._workers.close()

    # --- for the host ------------------------------------------------------------------------------

    def discard_instance(self, plugin_context: PluginContext) -> None:
        """Replace the data source's instance at its next use, because a worker hangs in the present one."""
        self._instances.discard(plugin_context)

    def notes(self) -> tuple[str, ...]:
        """What operators should know of this installation. Override it; import no driver for it."""
        return ()

    def answer_traits(self, query: Any, settings: Any) -> AnswerTraits:  # noqa: ARG002 - for subclasses
        """What the answer to `query` depends on, of a data source with `settings`. Override it.

        As it is, an answer is remembered for nobody but callers that are alike in everything.
        """
        return AnswerTraits()

    def build(self, context: PluginContext) -> AnyDataSource:
        """A new instance of the data source. Raises ValidationError, PluginUnavailableError."""
        settings = self._settings(context)
        instance = context.data_source_instance_settings
        assert instance is not None
        logger = get_logger("headwater.plugins.plugin", plugin=self.id, data_source=instance.uid)
        return self._data_source_class()(settings, instance, logger)

    # --- inside ------------------------------------------------------------------------------------

    def _settings(self, context: PluginContext) -> Any:
        instance = context.data_source_instance_settings
        if instance is None:
            raise ValidationError(f"plugin {self.id!r} needs a data source")
        return parse(
            self.settings_type,
            without_host_settings(instance.json_data),
            path="jsonData",
            secrets=instance.decrypted_secure_json_data,
            ignore_unknown=is_later(instance.api_version, self.version),
        )

    def _serve(self, context: PluginContext) -> LiveDataSource:
        return LiveDataSource(self.build(context))

    def _data_source_class(self) -> type[AnyDataSource]:
        with self._lock:
            if self._class is None:
                self._class = _import_class(self.data_source, self.id)
            return self._class

    def _parse_query(self, query: DataQuery) -> Query:
        return parse(self.query_type, query.json, ignore_unknown=True, injected={"data_query": query})

    def _answer(
        self, served: LiveDataSource, query: DataQuery, *, context: CallContext
    ) -> DataResponse | None:
        try:
            with served.limiter.slot(context, context.limits.max_concurrent_queries):
                result = served.query(self._parse_query(query), context)
                frames = frames_of(result, query, context)
            return None if frames is None else DataResponse(frames)
        except _NOT_OF_THE_QUERY:
            raise
        except BaseException as error:
            return DataResponse.from_error(context.explain(error, ref_id=query.ref_id))

    def _stream(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        shared = self._instances.acquire(request.plugin_context)
        served = shared.value
        try:
            for query in request.queries:
                try:
                    with served.limiter.slot(context, context.limits.max_concurrent_queries):
                        result = served.query_chunked(self._parse_query(query), context)
                        yield from chunks_of(result, query, context)
                except _NOT_OF_THE_QUERY:
                    raise
                except BaseException as error:
                    yield QueryChunk(query.ref_id, error=context.explain(error, ref_id=query.ref_id))
        finally:
            self._instances.release(shared)


def _places(kind: str, placeholder: str) -> bool:
    """Whether `placeholder` says how a text names a parameter of `kind`."""
    return bool(_BOUND_KIND.fullmatch(kind) and re.search(r"\bname\b", placeholder))


def _import_class(target: type[AnyDataSource] | str, plugin_id: str) -> type[AnyDataSource]:
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    try:
        found: type[AnyDataSource] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        absent = isinstance(error, ModuleNotFoundError | AttributeError) and error.name
        missing = f" (missing {absent!r})" if absent else ""
        raise PluginUnavailableError(
            f"Plugin {plugin_id!r} cannot load its data source{missing}; reinstall its distribution."
        ) from error
    return found
