"""What goes straight to a plugin: resource calls, health checks, and the proxy's paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from headwater.datasources import DataSource
from headwater.errors import MethodNotImplementedError, PluginRequestFailedError, ValidationError
from headwater.models import CallResourceResponse
from headwater.sdk.paths import split_path
from headwater_server.auth import Action

from .call import Call
from .data_sources import find
from .models import HealthBody
from .responses import JSON, json_response

_RESOURCES = re.compile(r"/api/datasources/(?:uid/)?[^/]+/resources(?:/(?P<path>.*))?")
_PROXY = re.compile(r"/api/(?:datasources/proxy/(?:uid/)?|prometheus/)[^/]+(?:/(?P<path>.*))?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_BODILESS = (204, 304)
_HEALTH_TIMEOUT = 30.0


async def resource(call: Call) -> Response:
    """Any method and path that the plugin has a route for."""
    return await _call_plugin(call, await find(call, Action.QUERY), _raw_path(call, _RESOURCES))


async def proxy(call: Call) -> Response:
    """Grafana's older way to a data source's own API: only paths that the plugin declares in its `routes`.

    It is served as the resource of the same path: no address is ever built from what a caller sends.
    """
    stored = await find(call, Action.QUERY)
    # Clients append to a base URL that may end in a slash, and some end their paths in one.
    path = _raw_path(call, _PROXY).removeprefix("/").removesuffix("/")
    info = await call.host.run(lambda: call.host.headwater.plugin_info(stored.type))
    segments = split_path(path)
    if not any(_matches(route, segments) for route in info.routes):
        raise MethodNotImplementedError(f"Plugin {stored.type!r} declares no proxy route for this path.")
    return await _call_plugin(call, stored, path)


async def health(call: Call) -> Response:
    """200 if the data source is well, else 400, with the plugin's words."""
    stored = await find(call, Action.QUERY)
    call.record.add_event("datasources:health", data_source=stored.uid)
    context = call.stack.enter_context(call.context(_HEALTH_TIMEOUT))
    result = await call.host.plugins.check_health(
        stored.uid, timeout=None, context=context, user=call.principal.user
    )
    body = HealthBody(status=result.status.name, message=result.message)
    if result.details:
        body.details = dict(result.details)
    return json_response(body, 200 if result.status.name == "OK" else 400)


async def _call_plugin(call: Call, stored: DataSource, path: str) -> Response:
    call.record.add_event("datasources:resource", data_source=stored.uid)
    if path.startswith("/"):
        raise ValidationError("a resource path has no empty segments", path="path")
    body = await call.body()
    context = call.stack.enter_context(call.context(call.host.headwater.limits.timeout))
    answer = await call.host.plugins.call_resource(
        stored.uid,
        path,
        method=call.request.method,
        query_string=call.request.url.query,
        headers=_headers(call),
        body=body,
        context=context,
        user=call.principal.user,
    )
    return _response(answer)


def _raw_path(call: Call, form: re.Pattern[str]) -> str:
    """The path's last part as the client sent it, still percent-encoded: decoded, `%2F` would be a slash."""
    scope = call.request.scope
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    text = raw.decode("ascii", "replace").partition("?")[0]
    found = form.fullmatch(text.removeprefix(quote(scope.get("root_path", ""))))
    return (found and found["path"]) or ""


def _headers(call: Call) -> Mapping[str, tuple[str, ...]]:
    headers = {name: (value,) for name, value in call.headers_for_plugins.items()}
    if (content_type := call.request.headers.get("content-type")) is not None:
        headers["content-type"] = (content_type,)
    return headers


def _response(answer: CallResourceResponse) -> Response:
    """The plugin's answer. It is content of others on our origin: a browser must not run it."""
    if not 200 <= answer.status <= 599:
        raise PluginRequestFailedError(f"The plugin answered with status {answer.status}, which HTTP lacks.")
    response = Response(b"" if answer.status in _BODILESS else answer.body, answer.status)
    for name, values in answer.headers.items():
        if name.lower() not in ("content-length", "content-security-policy"):
            for value in values:
                if not _HEADER.fullmatch(f"{name}:{value}"):
                    raise PluginRequestFailedError(
                        f"The plugin answered with a header {name[:80]!r} that HTTP does not allow."
                    )
                response.headers.append(name, value)
    if "content-type" not in response.headers and answer.status not in _BODILESS:
        response.headers["content-type"] = JSON
    response.headers["content-security-policy"] = "sandbox"
    return response


def _matches(route: str, segments: tuple[str, ...]) -> bool:
    parts = split_path(route.strip("/"))
    return len(parts) == len(segments) and all(
        part.startswith("{") or part == segment for part, segment in zip(parts, segments, strict=True)
    )
