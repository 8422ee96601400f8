"""`Target`: what commands do with a host, be it a data directory's or one elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode

from attrs import frozen

from headwater.errors import ValidationError

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.calls import CallContext, QueryLimits
    from headwater.datasources import DataSource
    from headwater.frames import FrameStream
    from headwater.models import CallResourceResponse, CheckHealthResult, PluginInfo, QueryChunk
    from headwater.secrets import FieldState, Secret


Record: TypeAlias = dict[str, Any]


@frozen
class PluginSummary:
    """`state` is READY, or why the plugin cannot be used. `target` is where it runs: `in_memory`, or `local`
    in a process of its own. `distribution` and `target` are empty if the host keeps them."""

    id: str
    version: str
    distribution: str
    state: str
    reason: str
    target: str = ""


@frozen
class Target:
    """Data sources are named by name or uid. Every method raises HeadwaterError, wherever the host is."""

    headwater: Headwater

    @property
    def limits(self) -> QueryLimits:
        return self.headwater.limits

    def data_sources(self) -> list[Record]:
        stored = sorted(self.headwater.store.list(), key=lambda each: each.name)
        return [
            {
                "name": each.name,
                "type": each.type,
                "uid": each.uid,
                "url": each.url,
                "read-only": each.read_only,
            }
            for each in stored
        ]

    def describe(self, data_source: str) -> Record:
        stored = self.headwater.data_source(data_source)
        states = self.headwater.secret_states(data_source)
        return {
            "name": stored.name,
            "type": stored.type,
            "uid": stored.uid,
            "url": stored.url,
            "user": stored.user,
            "database": stored.database,
            "isDefault": stored.is_default,
            "readOnly": stored.read_only,
            "jsonData": dict(stored.json_data),
            "secrets": {key: _state(state) for key, state in states.items()},
            "version": stored.version,
            **_times(stored),
        }

    def add(
        self, *, name: str, type_: str, secrets: Mapping[str, Secret], settings: Record, **fields: Any
    ) -> Record:
        added = self.headwater.add_data_source(
            name=name, type=type_, json_data=settings, secure_json_data=dict(secrets), **fields
        )
        return {"name": added.name, "uid": added.uid}

    def remove(self, uid: str) -> None:
        self.headwater.remove_data_source(uid)

    def check_health(self, data_source: str, timeout: float) -> CheckHealthResult:
        return self.headwater.check_health(data_source, timeout=timeout)

    def call_resource(self, data_source: str, path: str, params: Mapping[str, str]) -> CallResourceResponse:
        return self.headwater.call_resource(data_source, path, query_string=urlencode(params))

    def plugins(self) -> list[PluginSummary]:
        return [
            PluginSummary(
                record.plugin_id,
                record.version,
                record.distribution,
                str(record.state),
                record.reason,
                str(record.target),
            )
            for record in self.headwater.load_plugins()
        ]

    def plugin_info(self, plugin_id: str) -> PluginInfo:
        return self.headwater.plugin_info(plugin_id)

    def query_schema(self, data_source: str) -> Mapping[str, Any]:
        return self._plugin_of(data_source).query_schema

    def text_query(self, data_source: str, text: str) -> Record:
        return text_query_of(self._plugin_of(data_source), text)

    def query_chunks(
        self, data_source: str, query: Record, *, from_: str, to: str, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        from headwater.frames import start_arrow_without_pandas

        start_arrow_without_pandas()
        return self.headwater.query_chunks(data_source, query, from_=from_, to=to, context=context)

    def sql(
        self, statement: str, *, from_: str, to: str, params: Mapping[str, Any], context: CallContext
    ) -> FrameStream:
        return self.headwater.sql_stream(statement, from_=from_, to=to, params=params, context=context)

    def _plugin_of(self, data_source: str) -> PluginInfo:
        return self.plugin_info(self.headwater.data_source(data_source).type)


def text_query_of(plugin: PluginInfo, text: str) -> Record:
    """Raises ValidationError if the plugin's queries have no main text."""
    if not plugin.query_text_key:
        raise ValidationError(f"plugin {plugin.id!r} takes query objects, not text", path="query")
    return {plugin.query_text_key: text}


def _times(stored: DataSource) -> Record:
    """A host elsewhere does not tell them."""
    if not stored.created.timestamp():
        return {}
    return {
        "created": stored.created.isoformat(timespec="seconds"),
        "updated": stored.updated.isoformat(timespec="seconds"),
    }


def _state(field: FieldState) -> str:
    return f"{field.state}, key {field.key_id}" if field.key_id else str(field.state)
