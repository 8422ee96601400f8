"""`/api/plugins`: what is installed, and what cannot be used and why."""

from __future__ import annotations

from typing import Any

import attrs
from starlette.responses import Response

from headwater import Headwater
from headwater.errors import HeadwaterError, PluginNotRegisteredError, PluginUnavailableError
from headwater.models import PluginInfo
from headwater.plugins import CorePlugin, PluginState
from headwater_server.auth import Action

from .call import Call
from .models import PluginBody, PluginErrorBody, PluginSettingsBody
from .responses import json_response

_ERROR_CODES = {
    PluginState.BLOCKED: "pluginBlocked",
    PluginState.INCOMPATIBLE: "pluginIncompatible",
    PluginState.DUPLICATE: "pluginDuplicate",
    PluginState.INVALID: "pluginInvalid",
}


async def list_plugins(call: Call) -> Response:
    """Usable plugins by name; `type` other than `datasource` finds none, `enabled=0` neither, nor does
    `core=1`: all plugins are installed beside the host."""
    wanted = call.request.query_params
    if wanted.get("type") not in (None, "", "datasource") or wanted.get("enabled") == "0":
        return json_response([])
    if wanted.get("core") == "1":
        return json_response([])
    infos = await call.host.run(lambda: _usable(call.host.headwater))
    return json_response([PluginBody(**_fields(info)) for info in infos])


async def get_settings(call: Call) -> Response:
    plugin_id = call.path_params["id"]
    try:
        info = await call.host.run(lambda: call.host.headwater.plugin_info(plugin_id))
    except PluginNotRegisteredError:
        raise _not_found() from None
    body = PluginSettingsBody(
        **_fields(info),
        settings_schema=dict(info.settings_schema),
        query_schema=dict(info.query_schema),
        query_text_key=info.query_text_key,
        query_language=info.query_language,
        secret_keys=list(info.secret_keys),
        examples=[attrs.asdict(example) for example in info.examples],
        macros=[attrs.asdict(macro) for macro in info.macros],
        connection=None if info.connection is None else dict(info.connection),
        table_query=dict(info.table_query),
        identifier_quote=info.identifier_quote,
        parameter_placeholders=dict(info.parameter_placeholders),
    )
    return json_response(body)


async def get_metrics(call: Call) -> Response:
    """Of the plugin's own process; empty for a plugin without one, whose counts are in the host's metrics."""
    call.require(Action.WRITE)
    plugin_id = call.path_params["id"]
    text = await call.host.run(lambda: _metrics(call.host.headwater, plugin_id))
    return Response(text, media_type="text/plain")


async def list_errors(call: Call) -> Response:
    records = await call.host.run(call.host.headwater.load_plugins)
    unusable = [record for record in records if not record.usable]
    return json_response(
        [
            PluginErrorBody(
                record.plugin_id, _ERROR_CODES.get(record.state, "failedBackendStart"), record.explanation
            )
            for record in unusable
        ]
    )


def plugin_name(headwater: Headwater, plugin_id: str) -> str:
    """The name that people see; the id if the plugin cannot be used."""
    try:
        return headwater.plugin_info(plugin_id).name or plugin_id
    except HeadwaterError:
        return plugin_id


def _metrics(headwater: Headwater, plugin_id: str) -> str:
    plugin = headwater.registry.plugin(plugin_id)
    if plugin is None:
        raise _not_found()
    return plugin.collect_metrics() if isinstance(plugin, CorePlugin) else ""


def _not_found() -> PluginNotRegisteredError:
    return PluginNotRegisteredError("Plugin not found, no installed plugin with that id")


def _usable(headwater: Headwater) -> list[PluginInfo]:
    infos = []
    for plugin in headwater.registry.plugins():
        try:
            infos.append(plugin.info)
        except PluginUnavailableError:
            continue
    return sorted(infos, key=lambda info: (info.name or info.id).lower())


def _fields(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name or info.id,
        "type": info.type,
        "id": info.id,
        "enabled": True,
        "pinned": False,
        "info": {
            "author": {"name": "", "url": ""},
            "description": info.description,
            "links": [],
            "logos": {"small": "", "large": ""},
            "build": {},
            "screenshots": [],
            "version": info.version,
            "updated": "",
            "keywords": [],
        },
        "dependencies": {"grafanaDependency": "", "grafanaVersion": "*", "plugins": []},
        "latest_version": "",
        "has_update": False,
        "category": "",
        "state": "",
        "signature": "internal",
        "capabilities": sorted(info.capabilities),
    }
