"""How the host itself is: for load balancers, scrapers, and clients that ask what they talk to."""

from __future__ import annotations

import orjson
from starlette.responses import PlainTextResponse, Response

from headwater.datasources import DataSource
from headwater_server import __version__
from headwater_server.auth import Action

from .call import Call
from .models import HostHealthBody
from .plugins import plugin_name
from .responses import json_response

_VERSION = f"12.3.0+headwater.{__version__}"
"""First the release of Grafana whose API this is: clients choose by it which paths they take."""


async def host_health(call: Call) -> Response:
    """Grafana's `/api/health`, spaces and all: 503 while the store fails."""
    well = await call.host.store_is_healthy()
    body = HostHealthBody(database="ok" if well else "failing", version=_VERSION)
    text = orjson.dumps(
        {"database": body.database, "version": body.version, "commit": body.commit},
        option=orjson.OPT_INDENT_2,
    )
    return Response(text, 200 if well else 503, media_type="application/json; charset=UTF-8")


async def alive(_call: Call) -> Response:
    """The process answers; nothing else is looked at."""
    return PlainTextResponse("Ok")


async def ready(call: Call) -> Response:
    """Whether new requests are welcome: the store answers, the active encryption key is there, and no
    shutdown has begun."""
    if call.host.draining:
        return PlainTextResponse("Shutting down", 503)
    if not await call.host.store_is_healthy():
        return PlainTextResponse("The store does not answer", 503)
    keys = call.host.keys
    await call.host.run(keys.check)
    if keys.problem and not keys.degraded:
        return PlainTextResponse(keys.summary, 503)
    return PlainTextResponse(f"Ready, but degraded: {keys.summary}" if keys.problem else "Ready")


async def metrics(call: Call) -> Response:
    accept = call.request.headers.get("accept", "")
    text, content_type = await call.host.run(lambda: call.host.metrics.exposition(accept))
    return Response(text, headers={"content-type": content_type})


async def frontend_settings(call: Call) -> Response:
    """What Grafana's clients ask for first: the data sources this caller may query, and the version.

    A page shows by it what a caller may do: `permissions` are its scopes.
    """
    host = call.host
    stored = await host.run(
        lambda: [each for each in host.headwater.store.list() if call.principal.may(Action.QUERY, each.uid)]
    )
    default = next((each.name for each in stored if each.is_default), "")
    sources = await host.run(lambda: {each.name: _source(call, each) for each in stored})
    return json_response(
        {
            "appSubUrl": call.request.scope.get("root_path", "") or host.options.prefix,
            "appUrl": host.options.root_url,
            "buildInfo": {"version": _VERSION, "commit": "", "env": "production", "edition": "Headwater"},
            "datasources": sources,
            "defaultDatasource": default,
            "featureToggles": {},
            "user": {
                "login": call.principal.name,
                "orgRole": call.principal.role or "",
                "isSignedIn": not call.principal.anonymous,
            },
            "permissions": sorted(str(scope) for scope in call.principal.scopes),
        }
    )


def _source(call: Call, stored: DataSource) -> dict[str, object]:
    """Neither address nor settings: those are for callers who may read data sources."""
    return {
        "id": stored.id,
        "uid": stored.uid,
        "name": stored.name,
        "type": stored.type,
        "isDefault": stored.is_default,
        "readOnly": stored.read_only,
        "access": stored.access,
        "meta": {
            "id": stored.type,
            "name": plugin_name(call.host.headwater, stored.type),
            "type": "datasource",
        },
    }
