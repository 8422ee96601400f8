"""A remote host as a target, over its HTTP API."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from headwater.calls import CallContext, QueryLimits
from headwater.datasources import json_key
from headwater.errors import DataSourceNotFoundError, DownstreamProtocolError
from headwater.models import (
    CallResourceResponse,
    CheckHealthResult,
    HealthStatus,
    PluginInfo,
    QueryChunk,
    QueryExample,
    QueryMacro,
)
from headwater.plugins import check_query
from headwater.sdk.http import HttpClient, HttpClientSettings
from headwater.secrets import Secret

from .local import text_query_of
from .remote_answers import SILENCE_SECONDS, QueryCall
from .remote_errors import host_error, raise_refusal
from .target import PluginSummary, Record

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.frames import FrameStream

_MAX_BODY = 64 * 1024 * 1024
_MAX_DATA_POINTS, _INTERVAL_MS = 1000, 1000


class RemoteTarget:
    """Opens nothing before the first call. Errors of the host come back as the classes they had there."""

    def __init__(self, settings: HttpClientSettings) -> None:
        self.limits = QueryLimits()
        self._client = HttpClient(settings, user_agent="headwater-cli")
        self._origin = settings.origin
        self._settings = settings
        self._sql_host: Headwater | None = None

    def data_sources(self) -> list[Record]:
        found = sorted(self._get("api/datasources"), key=lambda each: str(each["name"]))
        return [
            {
                "name": each["name"],
                "type": each["type"],
                "uid": each["uid"],
                "url": each["url"],
                "read-only": each["readOnly"],
            }
            for each in found
        ]

    def describe(self, data_source: str) -> Record:
        stored = self._get(f"api/datasources/uid/{quote(self._find(data_source)['uid'], safe='')}")
        shown = ("name", "type", "uid", "url", "user", "database", "isDefault", "readOnly", "jsonData")
        secrets = dict.fromkeys(stored.get("secureJsonFields", {}), "set")
        return {**{key: stored[key] for key in shown}, "secrets": secrets, "version": stored["version"]}

    def add(
        self, *, name: str, type_: str, secrets: Mapping[str, Secret], settings: Record, **fields: Any
    ) -> Record:
        body = {
            **{json_key(key): value for key, value in fields.items()},
            "name": name,
            "type": type_,
            "jsonData": settings,
            "secureJsonData": {key: secret.reveal() for key, secret in secrets.items()},
        }
        added: Record = self._call("POST", "api/datasources", body=body)["datasource"]
        return added

    def remove(self, uid: str) -> None:
        self._call("DELETE", f"api/datasources/uid/{quote(uid, safe='')}")

    def check_health(self, data_source: str, timeout: float) -> CheckHealthResult:
        with self._client.request("GET", f"{self._source(data_source)}/health", timeout=timeout) as response:
            body = self._json(response.read(_MAX_BODY), response.status)
        if not isinstance(body, dict) or body.get("status") not in HealthStatus.__members__:
            raise host_error(body, response.status, self._origin)
        details = body.get("details") or {}
        return CheckHealthResult(HealthStatus[body["status"]], body.get("message", ""), details)

    def call_resource(self, data_source: str, path: str, params: Mapping[str, str]) -> CallResourceResponse:
        path = f"{self._source(data_source)}/resources/{path}"
        with self._client.request("GET", path, params=params, timeout=SILENCE_SECONDS) as response:
            body = response.read(_MAX_BODY)
        raise_refusal(body, response.status, self._origin)
        return CallResourceResponse(response.status, {}, body)

    def plugins(self) -> list[PluginSummary]:
        usable = [
            PluginSummary(each["id"], each["info"]["version"], "", "READY", "")
            for each in self._get("api/plugins")
        ]
        unusable = [
            PluginSummary(each["pluginId"], "", "", each["errorCode"], each["message"])
            for each in self._get("api/plugins/errors")
        ]
        return usable + unusable

    def plugin_info(self, plugin_id: str) -> PluginInfo:
        body = self._get(f"api/plugins/{quote(plugin_id, safe='')}/settings")
        return PluginInfo(
            id=body["id"],
            name=body["name"],
            version=body["info"]["version"],
            description=body["info"]["description"],
            query_text_key=body["queryTextKey"],
            query_language=body["queryLanguage"],
            query_schema=body["querySchema"],
            settings_schema=body["settingsSchema"],
            secret_keys=tuple(body["secretKeys"]),
            capabilities=frozenset(body["capabilities"]),
            macros=tuple(QueryMacro(each["usage"], each["expansion"]) for each in body.get("macros", ())),
            examples=tuple(QueryExample(each["title"], each["query"]) for each in body["examples"]),
            connection=body.get("connection"),
        )

    def text_query(self, data_source: str, text: str) -> Record:
        return text_query_of(self.plugin_info(self._find(data_source)["type"]), text)

    def query_chunks(
        self, data_source: str, query: Record, *, from_: str, to: str, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        found = self._find(data_source)
        check_query(self.plugin_info(found["type"]), query)
        asked = {
            **query,
            "refId": "A",
            "datasource": {"uid": found["uid"], "type": found["type"]},
            "maxDataPoints": _MAX_DATA_POINTS,
            "intervalMs": _INTERVAL_MS,
        }
        body = orjson.dumps({"queries": [asked], "from": from_, "to": to})
        return QueryCall(self._client, self._origin, body, context).chunks()

    def sql(
        self, statement: str, *, from_: str, to: str, params: Mapping[str, Any], context: CallContext
    ) -> FrameStream:
        """The statement runs in this process, over rows from the host."""
        from headwater import connect

        if self._sql_host is None:
            token = self._settings.options.bearer_token
            self._sql_host = connect(self._settings.url, token=token or Secret(""), allow_http=True)
        return self._sql_host.sql_stream(statement, from_=from_, to=to, params=params, context=context)

    def close(self) -> None:
        if self._sql_host is not None:
            self._sql_host.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, uid_or_name: str) -> Record:
        """`uid`, `name` and `type` of a data source. Asks for what may be queried, not for what may be read:
        a viewer's token need not read settings. Raises DataSourceNotFoundError."""
        sources: Sequence[Record] = list(self._get("api/frontend/settings")["datasources"].values())
        for key in ("uid", "name"):
            for each in sources:
                if each[key] == uid_or_name:
                    return each
        raise DataSourceNotFoundError(f"There is no data source {uid_or_name!r} on {self._origin}.")

    def _source(self, data_source: str) -> str:
        return f"api/datasources/uid/{quote(self._find(data_source)['uid'], safe='')}"

    def _get(self, path: str) -> Any:
        return self._call("GET", path)

    def _call(self, method: str, path: str, *, body: Record | None = None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        with self._client.request(method, path, headers=headers, body=content) as response:
            answer = response.read(_MAX_BODY)
        found = self._json(answer, response.status)
        if response.status >= 400:
            raise host_error(found, response.status, self._origin)
        return found

    def _json(self, body: bytes, status: int) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise DownstreamProtocolError(
                f"{self._origin} answers with status {status} and no JSON; is it a Headwater host?"
            ) from None
