"""Clients of servers that follow a script."""

from __future__ import annotations

from typing import Any

from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings
from headwater.secrets import Secret
from servers.scripted_http import Script


def client(url: str, *, secrets: dict[str, str] | None = None, **fields: Any) -> HttpClient:
    instance = DataSourceInstanceSettings(
        uid="u",
        name="n",
        type="t",
        url=url,
        decrypted_secure_json_data={key: Secret(value) for key, value in (secrets or {}).items()},
        **fields,
    )
    return HttpClient(HttpClientSettings.from_instance(instance), user_agent="test/1")


def by_target(scripts: dict[str, Script]) -> Script:
    return lambda request, connection: scripts[request.target](request, connection)
