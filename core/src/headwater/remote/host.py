"""`connect`: a host elsewhere, used like one in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NoReturn, Unpack, cast
from urllib.parse import parse_qsl

from headwater.calls.context import CallContext, QueryLimits
from headwater.datasources import AddOptions, DataSource, UpdateOptions
from headwater.datasources.fields import edited_fields
from headwater.errors import MethodNotImplementedError, PluginNotRegisteredError, PluginUnavailableError
from headwater.host import Headwater, PreparedCall
from headwater.models import (
    CallResourceResponse,
    CheckHealthResult,
    HealthStatus,
    PluginInfo,
    QueryExample,
    QueryMacro,
    User,
)
from headwater.plugins.client import PluginClient
from headwater.plugins.discovery import PluginRecord, PluginState, discover
from headwater.plugins.known_keys import check_query
from headwater.plugins.plugin_context import PluginContextProvider
from headwater.plugins.registry import InMemoryRegistry, not_registered, registry_of
from headwater.plugins.sources import SourceReader
from headwater.queries.named.model import NamedQuery
from headwater.queries.named.running import NamedQueryRunner
from headwater.queries.options import QueryOptions, data_query_of
from headwater.queries.request import EXPRESSIONS, DataSourceRef, MetricQuery
from headwater.queries.service import QueryService
from headwater.queries.sources import HostSources
from headwater.sdk.http import HttpOptions
from headwater.secrets import FieldState, InMemoryKeySource, Secret, SecretState

from .api import HostApi, api_path
from .named_queries import RemoteNamedQueryRunner, RemoteNamedQueryStore
from .service import RemoteQueryService
from .store import RemoteStore, read_data_source, write_data_source

_STATES = {
    "pluginBlocked": PluginState.BLOCKED,
    "pluginIncompatible": PluginState.INCOMPATIBLE,
    "pluginDuplicate": PluginState.DUPLICATE,
    "pluginInvalid": PluginState.INVALID,
}


def connect(
    url: str,
    *,
    token: str | Secret = "",
    ca_cert: str = "",
    allow_http: bool = False,
    limits: QueryLimits | None = None,
    logger: Any = None,
) -> RemoteHeadwater:
    """The host at `url`, as `headwater serve` runs it, behind the methods of `Headwater`.

    Rows come as Arrow with every type, and stream in bounded memory. Who cancels a call, closes a stream or
    goes away ends the query at its database. Errors have the classes that the host raised them with; one that
    cannot be reached is a DownstreamConnectionError.

    * `token`: what `headwater token create` printed; it decides what may be seen and done. Without one the
      host has to let anybody in.
    * `ca_cert`: PEM text of the authority to trust in place of the system's.
    * `allow_http`: send the token in clear to a host that is not on this machine.

    Nothing is sent before the first call. Raises ValidationError for a URL that cannot be used.

    For asyncio: `AsyncHeadwater(headwater.connect(…))`, which does not close what it is given.
    """
    token = token if isinstance(token, Secret) else Secret(token)
    options = HttpOptions(
        bearer_token=token if token.reveal() else None,
        tls_auth_with_ca_cert=bool(ca_cert),
        tls_ca_cert=Secret(ca_cert) if ca_cert else None,
    )
    api = HostApi(url, options, allow_http=allow_http)
    return RemoteHeadwater(api, limits=limits, logger=logger)


class RemoteHeadwater(Headwater):
    """Made by `connect`. Plugins run in the host: this process has none, and can add none."""

    def __init__(self, api: HostApi, *, limits: QueryLimits | None, logger: Any) -> None:
        self._api = api
        self._infos: dict[str, PluginInfo] = {}
        self._infos_lock = threading.Lock()
        own_key = InMemoryKeySource()  # encrypts nothing: secrets go to the host, which has keys of its own
        own_key.create("memory")
        super().__init__(
            RemoteStore(api),
            key_sources=(own_key,),
            registry=InMemoryRegistry(),
            named_query_store=RemoteNamedQueryStore(api),
            limits=limits,
            logger=logger,
        )
        self.named_query_runner: NamedQueryRunner = cast("NamedQueryRunner", RemoteNamedQueryRunner(api))
        self.query_service: QueryService = cast("QueryService", RemoteQueryService(api))

    @property
    def origin(self) -> str:
        """`scheme://host:port`, for messages."""
        return self._api.origin

    @property
    def sends_in_clear(self) -> bool:
        """Whether what is sent, a token included, can be read on its way."""
        return self._api.in_clear

    def add_data_source(self, name: str = "", *, type: str, **fields: Unpack[AddOptions]) -> DataSource:  # noqa: A002
        """See `Headwater.add_data_source`. Secrets travel to the host, which encrypts them."""
        body = write_data_source({**fields, "name": name, "type": type})
        return self._changed(self._api.ask("POST", "datasources", body=body))

    def update_data_source(self, data_source: str, **changes: Unpack[UpdateOptions]) -> DataSource:
        """See `Headwater.update_data_source`."""
        stored = self.store.get_by_uid(self.data_source(data_source).uid)
        body = write_data_source({**edited_fields(stored), **changes})
        return self._changed(self._api.ask("PUT", "datasources", "uid", stored.uid, body=body))

    def remove_data_source(self, data_source: str) -> None:
        """See `Headwater.remove_data_source`."""
        stored = self.data_source(data_source)
        self._api.ask("DELETE", "datasources", "uid", stored.uid)
        self._cache.clear()

    def _health(
        self, data_source: str, context: CallContext, user: User | None
    ) -> PreparedCall[CheckHealthResult]:
        del user
        stored = self.data_source(data_source)

        def ask() -> CheckHealthResult:
            path = ("datasources", "uid", stored.uid, "health")
            answer = self._api.ask("GET", *path, context=context, answers=(400,))
            if not isinstance(answer, Mapping) or answer.get("status") not in HealthStatus.__members__:
                raise self._api.not_a_host()
            status = HealthStatus[answer["status"]]
            return CheckHealthResult(status, str(answer.get("message", "")), answer.get("details") or {})

        return ask, self.plugin_contexts.identify(stored)

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
        del user
        stored = self.data_source(data_source)
        resources = api_path("datasources", "uid", stored.uid, "resources")
        target = f"{resources}/{path.lstrip('/')}".rstrip("/")
        sent = {name: value for name, values in (headers or {}).items() for value in values}
        params = parse_qsl(query_string, True)

        def ask() -> CallResourceResponse:
            with self._api.send(
                method, target, body=body or None, context=context, headers=sent, params=params
            ) as answer:
                received = {name: (value,) for name, value in answer.headers.items()}
                content = answer.read(context.limits.max_bytes)
                return CallResourceResponse(answer.status, received, content)

        return ask, self.plugin_contexts.identify(stored)

    def plugin_info(self, plugin_id: str) -> PluginInfo:
        """See `Headwater.plugin_info`; asked once."""
        with self._infos_lock:
            known = self._infos.get(plugin_id)
        if known is None:
            try:
                known = _read_plugin(self._api.ask("GET", "plugins", plugin_id, "settings"))
            except PluginNotRegisteredError:
                raise not_registered(plugin_id) from None  # the host's own words are Grafana's
            with self._infos_lock:
                self._infos[plugin_id] = known
        return known

    def load_plugins(self) -> list[PluginRecord]:
        """The plugins of the host, with their states there."""
        usable: list[PluginRecord] = [
            _RemotePlugin(each["id"], each["info"]["version"]) for each in self._api.ask("GET", "plugins")
        ]
        unusable: list[PluginRecord] = [
            _RemotePlugin(
                each["pluginId"], "", _STATES.get(each["errorCode"], PluginState.BROKEN), each["message"]
            )
            for each in self._api.ask("GET", "plugins", "errors")
        ]
        return usable + unusable

    def secret_states(self, data_source: str) -> Mapping[str, FieldState]:
        """See `Headwater.secret_states`."""
        body = self._api.ask("GET", "datasources", "uid", self.data_source(data_source).uid)
        states = body.get("secretState") or {}
        return {name: FieldState(name, SecretState(state)) for name, state in states.items()}

    def add_plugin(self, *_: Any, **__: Any) -> NoReturn:
        """Plugins are installed where the host runs. Raises MethodNotImplementedError."""
        raise _only_in_the_host("no plugin can be added")

    def read_tasks(self, *_: Any, **__: Any) -> NoReturn:
        """Tasks are planned where the data sources' secrets are. Raises MethodNotImplementedError."""
        raise _only_in_the_host("no query can be divided into read tasks")

    def read_task(self, *_: Any, **__: Any) -> NoReturn:
        """Raises MethodNotImplementedError; see `read_tasks`."""
        raise _only_in_the_host("no read task can be read")

    def _sql_plugin(self) -> tuple[PluginClient, PluginContextProvider]:
        """The statement runs in this process, over rows from the host."""
        registry = registry_of(discover(allow={EXPRESSIONS}, logger=self.logger))
        return PluginClient(registry), PluginContextProvider(registry, lambda _: {})

    def _source_reader(self) -> SourceReader:
        return HostSources(self.query_service, self.data_source, self.plugin_info, divides=False)

    def close(self) -> None:
        """Close connections and end what still runs; safe to repeat."""
        super().close()
        self._api.close()

    def _asked(self, data_source: str, query: str | Mapping[str, Any], options: QueryOptions) -> MetricQuery:
        stored = self.data_source(data_source)
        json = dict(query) if isinstance(query, Mapping) else self._text_query(stored, query)
        if isinstance(query, Mapping):
            check_query(self.plugin_info(stored.type), query)
        return MetricQuery(DataSourceRef(uid=stored.uid, type=stored.type), data_query_of(json, options))

    def _check_named_query(self, named: NamedQuery) -> NamedQuery:
        """The host checks it."""
        return named

    def _changed(self, answer: Any) -> DataSource:
        if not isinstance(answer, Mapping):
            raise self._api.not_a_host()
        changed = read_data_source(answer.get("datasource"))
        self._cache.clear()
        return changed


class _RemotePlugin(PluginRecord):
    """A plugin of the host, with its state there."""

    def __init__(
        self, plugin_id: str, version: str, state: PluginState = PluginState.READY, reason: str = ""
    ) -> None:
        super().__init__(
            plugin_id,
            entry_point="",
            distribution="",
            version=version,
            import_=self.load,
            state=state,
            reason=reason,
        )

    def load(self) -> NoReturn:
        """Raises PluginUnavailableError: it is loaded where it runs."""
        super().load()
        raise PluginUnavailableError(f"Plugin {self.plugin_id!r} runs in the host and cannot be loaded here.")


def _read_plugin(body: Any) -> PluginInfo:
    """A plugin as the host's settings of plugins describe it."""
    info = body.get("info") or {}
    return PluginInfo(
        id=body["id"],
        name=body.get("name", ""),
        version=info.get("version", ""),
        description=info.get("description", ""),
        query_text_key=body.get("queryTextKey", ""),
        query_language=body.get("queryLanguage", ""),
        query_schema=body.get("querySchema") or {},
        settings_schema=body.get("settingsSchema") or {},
        secret_keys=tuple(body.get("secretKeys") or ()),
        capabilities=frozenset(body.get("capabilities") or ()),
        examples=tuple(QueryExample(**example) for example in body.get("examples") or ()),
        macros=tuple(QueryMacro(**macro) for macro in body.get("macros") or ()),
        connection=body.get("connection"),
        table_query=body.get("tableQuery") or {},
        identifier_quote=body.get("identifierQuote", ""),
        parameter_placeholders=body.get("parameterPlaceholders") or {},
    )


def _only_in_the_host(what: str) -> MethodNotImplementedError:
    return MethodNotImplementedError(
        f"Over HTTP {what}: do that in the process of the host, or in one with its store and keys."
    )
