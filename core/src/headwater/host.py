"""`Headwater`: the host object that an application embeds. Everything it uses belongs to it alone."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, Unpack

from attrs import evolve

from .calls.context import CallContext, QueryLimits
from .calls.exit import close_at_exit
from .calls.runner import CallRunner
from .calls.worker_pool import WorkerPool, Workers
from .datasources import (
    AddDataSource,
    AddOptions,
    DataSource,
    DataSourceCache,
    DataSourceService,
    DataSourceStore,
    MemoryStore,
    UpdateDataSource,
    UpdateOptions,
)
from .errors import (
    DeadlineExceededError,
    LimitExceededError,
    PluginUnavailableError,
    SecretUnavailableError,
)
from .faces.named_queries import NamedQueryMethods
from .faces.read_tasks import ReadTaskMethods
from .faces.sql import SqlMethods
from .logs import get_logger
from .models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    PluginContext,
    PluginInfo,
    ResourceOptions,
    User,
)
from .plugins.client import PluginClient
from .plugins.discovery import PluginRecord, PluginSource, discover, load_all
from .plugins.known_keys import check_settings
from .plugins.local_paths import absolute_paths, absolute_url
from .plugins.middleware import LoggingMiddleware, RedactionMiddleware
from .plugins.plugin import CorePlugin, Plugin
from .plugins.plugin_context import PluginContextProvider
from .plugins.registry import Registry, not_registered, registry_of
from .queries.answer_cache.rules import CacheRule
from .queries.answers import frames_of, only_frame
from .queries.expressions import expressions_source
from .queries.named.checking import fitted
from .queries.named.running import NamedQueryRunner
from .queries.named.service import NamedQueries
from .queries.named.store import MemoryNamedQueryStore
from .queries.request import EXPRESSIONS, MetricQuery
from .queries.service import QueryService
from .queries.sources import HostSources

if TYPE_CHECKING:
    from .frames import Frame, FrameStream
    from .network import AddressPolicy
    from .plugins.sources import SourceReader
    from .queries import AnswerCache, Hit, KeptAnswer
    from .queries.answer_cache.client import CachingClient
    from .queries.answer_cache.questions import Key, SourceVersion
    from .queries.named import NamedQuery, NamedQueryStore
    from .secrets import FieldState, KeySource

__all__ = ["Headwater"]

R = TypeVar("R")
PreparedCall: TypeAlias = "tuple[Callable[[], R], PluginContext]"
"""A call into a plugin, and the data source that is replaced if it hangs."""
UNHEALTHY = (DeadlineExceededError, SecretUnavailableError)
"""What a health check may fail with that is a word on the data source."""
Command = TypeVar("Command", bound=AddDataSource | UpdateDataSource)


class Headwater(NamedQueryMethods, ReadTaskMethods, SqlMethods):
    """Finds the installed data-source plugins, keeps data sources, and queries them. Thread-safe.

    ```python
    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata")
        table = headwater.query("demo", "random_walk").table
    ```

    Without arguments data sources live in memory and their secrets under a key that is never written.
    Give a `store` and `key_sources` to keep them. Two hosts in one process share nothing, unless you give
    both the same.

    * `registry` replaces discovery: its plugins are the only ones, used as they are. `middlewares` wrap what
      discovery and `add_plugin` bring. `allow_plugins` and `block_plugins` are plugin ids.
    * `plugin_sources` bring other plugins than those of installed distributions, or run some of these
      elsewhere: `headwater_grafana.Isolation` in processes of their own.
    * `config`: settings for plugins under Grafana's names.
    * `address_policy`: which addresses data sources may have; see `headwater.network`.
    * `answer_cache`: remembers answers by its rule and by those of data sources; without it none is.
    * `named_query_store`: where `named_queries` are kept; in memory without it.
    * `workers`: an executor of your own for calls into plugins; it stays yours to close.
    * `grace`: how many seconds after the end of its call a plugin is waited for; then its worker is given up.
    * `logger`, of `logging` or structlog, takes what the host logs; else the logger `headwater` does.
    * `degraded`: open also without the active encryption key; then what needs a secret fails, and none can be
      set.

    A host belongs to the process that made it: after a fork its methods raise RuntimeError in the child.
    One that is still open when the program ends is closed then.
    """

    def __init__(
        self,
        store: DataSourceStore | None = None,
        *,
        key_sources: Sequence[KeySource] | None = None,
        registry: Registry | None = None,
        allow_plugins: Collection[str] | None = None,
        block_plugins: Collection[str] | None = None,
        plugin_sources: Iterable[PluginSource] = (),
        middlewares: Sequence[object] = (),
        limits: QueryLimits | None = None,
        config: Mapping[str, str] | None = None,
        address_policy: AddressPolicy | None = None,
        cache_ttl: float = 5.0,
        answer_cache: AnswerCache | None = None,
        named_query_store: NamedQueryStore | None = None,
        workers: Workers | None = None,
        grace: float = 5.0,
        logger: Any = None,
        degraded: bool = False,
    ) -> None:
        self._process = os.getpid()
        self.logger = logger
        if logger is not None:
            get_logger(over=logger)  # refuses what is none, now instead of at the first failure
        self.limits: QueryLimits = limits or QueryLimits()
        self.store: DataSourceStore = store if store is not None else MemoryStore()
        self.data_sources: DataSourceService = DataSourceService.with_keys(
            self.store,
            _key_sources(key_sources, kept=store is not None),
            logger=logger,
            degraded=degraded,
            check=self._check_settings,
        )
        self._middlewares = (
            RedactionMiddleware(self.data_sources.redactor), LoggingMiddleware(), *middlewares
        )  # fmt: skip
        self.plugins: list[PluginRecord] = []
        if registry is None:
            self.plugins = discover(
                allow=allow_plugins, block=block_plugins, sources=plugin_sources, logger=logger
            )
            registry = registry_of(self.plugins, self._middlewares)
        self.registry: Registry = registry
        self._cache = DataSourceCache(self.store, ttl=cache_ttl)
        self.plugin_contexts: PluginContextProvider = PluginContextProvider(
            registry, self.data_sources.decrypt, config=config, namespace=uuid.uuid4().hex,
            address_policy=address_policy,
        )  # fmt: skip
        self._client = PluginClient(registry)
        self._own_workers: WorkerPool | None = None
        if workers is None:
            workers = self._own_workers = WorkerPool()
        self._runner = CallRunner(workers, self._client.discard_instance, grace=grace)
        self.answer_cache = answer_cache
        self._caching_client = self._make_caching_client()
        self.query_service: QueryService = QueryService(
            self._cache, self.plugin_contexts, self._caching_client or self._client, self._runner
        )
        self.named_queries: NamedQueries = NamedQueries(
            named_query_store or MemoryNamedQueryStore(), self._check_named_query
        )
        self.named_query_runner: NamedQueryRunner = NamedQueryRunner(self.named_queries, self._ask_one)
        self._streams: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        self._closed = False
        close_at_exit(self)

    # --- data sources ------------------------------------------------------------------------------

    def add_data_source(
        self,
        name: str = "",
        *,
        type: str,  # noqa: A002
        **fields: Unpack[AddOptions],
    ) -> DataSource:
        """Add a data source of the plugin `type`; without a name it gets the plugin's.

        `type` is a plugin's id or one of its aliases, and stays as given: clients may choose by it what they
        do.
        `json_data` holds the plugin's settings, `secure_json_data` plaintext secrets, which are encrypted
        before they reach the store.
        Raises PluginNotRegisteredError for an unknown type, ValidationError, DataSourceExistsError.
        """
        self._check_process()
        self.plugin_contexts.get(type)
        return self.data_sources.add(AddDataSource(name=name, type=type, **fields))

    def update_data_source(self, data_source: str, **changes: Unpack[UpdateOptions]) -> DataSource:
        """Change some fields of a data source, named by uid or name; its next query uses them.

        Secrets that `secure_json_data` does not name stay as they are; an empty text removes one.
        """
        stored = self.data_source(data_source)
        updated = self.data_sources.update(UpdateDataSource.of(stored, **changes))
        self._forget(stored.uid)
        return updated

    def remove_data_source(self, data_source: str) -> None:
        """Remove a data source, named by uid or name. Raises DataSourceNotFoundError."""
        stored = self.data_source(data_source)
        self.data_sources.delete(stored.uid)
        self._forget(stored.uid)
        self._client.discard_instance(self.plugin_contexts.identify(stored))

    def list_data_sources(self) -> Sequence[DataSource]:
        """All data sources by lower-case name, as the store has them now."""
        self._check_process()
        return self.data_sources.list()

    def secret_states(self, data_source: str) -> Mapping[str, FieldState]:
        """Whether each secret of a data source, named by uid or name, can be opened."""
        return self.data_sources.secret_states(self.data_source(data_source))

    def data_source(self, uid_or_name: str) -> DataSource:
        """The data source with this uid or else this name. Raises DataSourceNotFoundError.

        `__expr__` is the one of expressions, which no store keeps.
        """
        self._check_process()
        if self._closed:
            raise RuntimeError("this Headwater has been closed")
        if uid_or_name == EXPRESSIONS:
            return expressions_source()
        return self._cache.find(uid_or_name)

    def remembered_data_source(self, uid: str) -> DataSource | None:
        """The data source as queries would use it now, without asking the store; None if that has to be
        asked. Never blocks."""
        return self._cache.peek(uid)

    # --- queries -----------------------------------------------------------------------------------

    def remembered_answers(
        self,
        queries: Sequence[MetricQuery],
        headers: Mapping[str, str],
        user: User | None = None,
        max_age: float | None = None,
    ) -> Sequence[Hit] | None:
        """The answers to all of `queries`, if they are in memory, fresh, and no older than `max_age` seconds;
        None if one of them is not.

        For an event loop: asks neither store nor plugin, and never blocks.
        """
        if self._caching_client is None:
            return None
        from .queries.answer_cache.questions import Asker

        found = []
        for each in queries:
            data_source = self._cache.peek(each.data_source.uid)
            if data_source is None:
                return None
            found.append((data_source, each.query))
        return self._caching_client.remembered(found, Asker(user, headers), self.limits, max_age)

    def still_remembers(self, source: SourceVersion, key: Key, answer: KeptAnswer) -> bool:
        """Whether `answer` is still what is kept under `key`, and its data source unchanged. Never blocks."""
        found = self._cache.peek(source.uid)
        if found is None or self.answer_cache is None:
            return False
        if (found.id, found.version, found.updated) != (source.id, source.version, source.updated):
            return False
        return self.answer_cache.store.get(key) is answer

    # --- health and resources ----------------------------------------------------------------------

    def check_health(
        self,
        data_source: str,
        *,
        timeout: float | None = 30.0,
        context: CallContext | None = None,
        user: User | None = None,
    ) -> CheckHealthResult:
        """Try a data source. One that is down, or whose secrets cannot be opened, is a result with status
        ERROR, not an exception."""
        try:
            return self._call_plugin(lambda call: self._health(data_source, call, user), context, timeout)
        except UNHEALTHY as error:
            return CheckHealthResult.failed(str(error))

    def call_resource(
        self,
        data_source: str,
        path: str,
        *,
        context: CallContext | None = None,
        user: User | None = None,
        **request: Unpack[ResourceOptions],
    ) -> CallResourceResponse:
        """Ask a plugin for something that is not a query; the whole answer at once.

        `method` is GET by default; `query_string`, `headers` and `body` go with it. Raises LimitExceededError
        if the answer is longer than the byte limit of a query.
        """
        return self._call_plugin(
            lambda call: self._resource(data_source, path, call, user, **request),
            context,
            self.limits.timeout,
        )

    # --- plugins and life cycle --------------------------------------------------------------------

    def add_plugin(self, plugin_id: str, implementation: object) -> None:
        """Add a plugin that needs no installing: an object with hooks, such as a DataSourcePlugin.

        Raises PluginAlreadyRegisteredError; PluginUnavailableError if its hooks are not valid.
        """
        self._check_process()
        self.registry.add(CorePlugin.of(plugin_id, implementation, middlewares=self._middlewares))

    def plugin_info(self, plugin_id: str) -> PluginInfo:
        """What a plugin says of itself. Raises PluginNotRegisteredError, PluginUnavailableError."""
        registered = self.registry.plugin(plugin_id)
        if registered is None:
            raise not_registered(plugin_id)
        return registered.info

    def load_plugins(self) -> list[PluginRecord]:
        """Import every plugin, so that each record says whether it is READY, BROKEN or INVALID."""
        load_all(self.plugins, self.logger)
        return self.plugins

    def close(self) -> None:
        """End queries, instances, threads and the cache; safe to repeat. A given store stays open.

        In a forked child nothing is ended: connections there are still the parent's.
        """
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._process:
            return
        for plugin in self.registry.plugins():
            plugin.decommission()
        reason = "The host is closing."
        self._runner.cancel_all(reason)
        for stream in list(self._streams):  # one that is not being read would keep its data source in use
            stream.cancel(reason)
        for plugin in self.registry.plugins():
            self._stop(plugin)
        for record in self.plugins:  # a host may have loaded plugins that it never called
            record.close()
        self._cache.close()
        if self.answer_cache is not None:
            self.answer_cache.store.close()
        if self._own_workers is not None:
            self._own_workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ------------------------------------------------------------------------------------

    def _sql_plugin(self) -> tuple[PluginClient, PluginContextProvider]:
        """What calls the plugin of expressions."""
        return self._client, self.plugin_contexts

    def _source_reader(self) -> SourceReader:
        return HostSources(self.query_service, self.data_source, self.plugin_info)

    def _make_caching_client(self) -> CachingClient | None:
        if self.answer_cache is None:
            return None
        from .queries.answer_cache.client import CachingClient

        self.answer_cache.store.seal_with(self.data_sources.cipher)
        return CachingClient(self.registry, self.answer_cache, self._runner)

    def _forget(self, uid: str) -> None:
        """After a data source has changed: neither its settings nor its answers are good any more."""
        self._cache.invalidate(uid)
        if self.answer_cache is not None:
            self.answer_cache.store.discard(uid)

    def _check_settings(self, command: Command) -> Command:
        """`command` with absolute paths. Refuses settings and secrets that the plugin does not take.

        There may be no plugin yet.
        """
        command = evolve(command, url=absolute_url(command.url))
        CacheRule.from_settings(command.json_data.get("cache"))
        plugin = self.registry.plugin(command.type)
        if plugin is None:
            return command
        try:
            info = plugin.info
        except PluginUnavailableError:
            return command
        added = {name: secret for name, secret in command.secure_json_data.items() if secret}
        check_settings(info, command.json_data, added, command.api_version)
        return evolve(command, json_data=absolute_paths(info.settings_schema, command.json_data))

    def _check_named_query(self, named: NamedQuery) -> NamedQuery:
        """There may be no plugin yet."""
        stored = self.data_source(named.data_source)
        plugin = self.registry.plugin(stored.type)
        try:
            info = None if plugin is None else plugin.info
        except PluginUnavailableError:
            info = None
        return fitted(named, stored, info)

    def _ask_one(self, query: MetricQuery, context: CallContext) -> Frame:
        return only_frame(frames_of(self.query_service.query_data([query], context)))

    def _call_plugin(
        self,
        prepare: Callable[[CallContext], PreparedCall[R]],
        context: CallContext | None,
        timeout: float | None,
    ) -> R:
        """What the prepared call returns, from a worker."""
        with self._call(context, timeout) as call:
            run, plugin_context = prepare(call)
            return self._runner.wait(lambda: self._runner.start(run, call, plugin_context), call)

    def _health(
        self, data_source: str, context: CallContext, user: User | None
    ) -> PreparedCall[CheckHealthResult]:
        plugin_context = self.plugin_contexts.get_with_data_source(self.data_source(data_source), user)
        request = CheckHealthRequest(plugin_context)
        return lambda: self._client.check_health(request, context), plugin_context

    def _resource(
        self,
        data_source: str,
        path: str,
        context: CallContext,
        user: User | None,
        *,
        method: str = "GET",
        query_string: str = "",
        headers: Mapping[str, tuple[str, ...]] | None = None,
        body: bytes = b"",
    ) -> PreparedCall[CallResourceResponse]:
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
        return lambda: self._whole_answer(request, context), plugin_context

    def _check_process(self) -> None:
        """A connection that two processes read and write mixes up their answers: refuse before that."""
        if os.getpid() != self._process:
            raise RuntimeError(
                f"this Headwater belongs to process {self._process}, and this is a fork of it, without its "
                "threads and connections; open one in each process, after the fork"
            )

    def _whole_answer(self, request: CallResourceRequest, context: CallContext) -> CallResourceResponse:
        most = context.limits.max_bytes
        first, size = CallResourceResponse(), 0
        pieces: list[bytes] = []
        for answer in self._client.call_resource(request, context):
            if not pieces:
                first = answer
            pieces.append(answer.body)
            size += len(answer.body)
            if most is not None and size > most:
                raise LimitExceededError(f"The answer is longer than {most:,} bytes.")
        return evolve(first, body=b"".join(pieces))

    def _stop(self, plugin: Plugin) -> None:
        """One plugin that does not end well must not keep the others from ending."""
        try:
            plugin.stop()
        except Exception:
            log = get_logger(over=self.logger)
            log.warning("Stopping a plugin failed.", plugin=plugin.plugin_id, exc_info=True)


def _key_sources(given: Sequence[KeySource] | None, *, kept: bool) -> Sequence[KeySource]:
    """`kept`: what is encrypted outlives the host; a key that does not is worth a line in the log then."""
    from .secrets import InMemoryKeySource

    if given is not None:
        return given
    source = InMemoryKeySource()
    if not kept:
        source.create("memory")
    return (source,)
