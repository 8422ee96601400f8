"""Resource routes: Prometheus' read API, and `suggestions` for editors.

Only the paths named here reach the server. A segment from outside arrives decoded and checked, and is
quoted again on its way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

from headwater.calls import CallContext
from headwater.errors import ValidationError
from headwater.models import CallResourceResponse
from headwater.sdk import ResourceRequest, field, parse, resource
from headwater.sdk.http import HttpResponse

from .api import Params, PrometheusApi
from .filters import Filter, Scope, matchers
from .promql import add_matchers, selectors
from .read_api import LABEL_VALUES, QUERIES, REPORTS
from .settings import PrometheusSettings

_PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@frozen
class _Suggestions:
    """The body of `suggestions`. `start` and `end` are seconds, as the API takes them."""

    label_name: str = field(default="", lenient=True)
    queries: tuple[str, ...] = field(factory=tuple)
    scopes: tuple[Scope, ...] = field(factory=tuple)
    adhoc_filters: tuple[Filter, ...] = field(factory=tuple)
    start: str = field(default="", lenient=True)
    end: str = field(default="", lenient=True)
    limit: int = field(default=0, minimum=0, lenient=True)


class ResourceRoutes:
    """Mixed into the data source, which has `api` and `settings`."""

    api: PrometheusApi
    settings: PrometheusSettings

    @resource(LABEL_VALUES)
    def label_values(self, request: ResourceRequest, context: CallContext) -> Iterator[CallResourceResponse]:
        return self._forward(_values_path(request.params["name"]), request, context)

    @resource(*QUERIES, methods=("GET", "POST"))
    def queries(self, request: ResourceRequest, context: CallContext) -> Iterator[CallResourceResponse]:
        return self._forward(request.path.strip("/"), request, context)

    @resource(*REPORTS)
    def reports(self, request: ResourceRequest, context: CallContext) -> Iterator[CallResourceResponse]:
        # The root is the user interface, which not every server has and no client reads.
        return self._forward(request.path.strip("/") or "-/healthy", request, context)

    @resource("suggestions", methods=("POST",))
    def suggestions(self, request: ResourceRequest, context: CallContext) -> Iterator[CallResourceResponse]:
        """Names of labels, or values of `labelName`, of the series that queries and filters select."""
        body = request.json()
        asked = parse(_Suggestions, {} if body is None else body, path="body", ignore_unknown=True)
        path = _values_path(asked.label_name) if asked.label_name else "api/v1/labels"
        limit = asked.limit or self.settings.series_limit
        params = [("match[]", text) for text in _matched_series(asked)]
        params += [(name, text) for name, text in (("start", asked.start), ("end", asked.end)) if text]
        if limit:
            params.append(("limit", str(limit)))
        method = "GET" if asked.label_name else None
        return _relay(self.api.send(path, params, context, method=method), request.headers)

    def _forward(
        self, path: str, request: ResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        """Send the caller's parameters on. A form that came by POST goes as the data source is set."""
        params: Params = parse_qsl(urlsplit(request.call.url).query, keep_blank_values=True)
        if request.method == "POST":
            params += _form(request)
            return _relay(self.api.send(path, params, context), request.headers)
        return _relay(self.api.send(path, params, context, method="GET"), request.headers)


def _matched_series(asked: _Suggestions) -> list[str]:
    """`match[]` values: each selector of the queries narrowed by the filters, or the filters alone."""
    narrowing = matchers(asked.scopes, asked.adhoc_filters)
    found = [text for query in asked.queries for text in selectors(query)]
    if not found:
        return ["{" + ", ".join(narrowing) + "}"] if narrowing else []
    return list(dict.fromkeys(add_matchers(text, narrowing) for text in found))


def _values_path(label: str) -> str:
    """Names outside the old alphabet are escaped as Prometheus 3 decodes them in paths (`U__a_2e_b`)."""
    if not _PLAIN_LABEL.fullmatch(label):
        escaped = "".join(
            "__" if char == "_" else char if char.isascii() and char.isalnum() else f"_{ord(char):x}_"
            for char in label
        )
        label = f"U__{escaped}"
    return f"api/v1/label/{label}/values"


def _form(request: ResourceRequest) -> Params:
    try:
        return parse_qsl(request.body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise ValidationError("the body is not an url-encoded form", path="body") from None


def _relay(response: HttpResponse, headers: Mapping[str, Any]) -> Iterator[CallResourceResponse]:
    """The server's status and body, chunk by chunk, whatever they are; none of its other headers."""
    kept = {"Content-Type": (response.headers.get("content-type", "application/json"),)}
    if (cache := headers.get("x-grafana-cache")) and response.status < 300:
        kept["Cache-Control"] = tuple(cache)
    with response:
        yield CallResourceResponse(response.status, kept)
        for chunk in response.stream_chunks():
            yield CallResourceResponse(body=chunk)
