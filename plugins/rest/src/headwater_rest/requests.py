"""`PageRequest`: what is asked for one page, and how it is made of an endpoint and a query."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from attrs import evolve, frozen

from headwater.errors import QueryError
from headwater.sdk.paths import join_path

from .query import RestQuery
from .settings import Endpoint, RestSettings
from .templates import Scope, body_placeholders, placeholders

_ACCEPT = {
    "json": "application/json, */*;q=0.5",
    "jsonl": "application/jsonl, application/x-ndjson, */*;q=0.5",
    "csv": "text/csv, */*;q=0.5",
}


@frozen
class PageRequest:
    """`link` is a path, or a URL that an answer gave. `body` is JSON. `accept`: for want of such a header."""

    link: str
    method: str = "GET"
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: Any = None
    accept: str = "*/*"

    def with_param(self, name: str, value: str) -> PageRequest:
        """`name` once, with this value."""
        others = tuple(pair for pair in self.params if pair[0] != name)
        return evolve(self, params=(*others, (name, value)))

    def with_body_value(self, path: str, value: Any) -> PageRequest:
        """The body with `value` at the dotted `path`."""
        return evolve(self, body=_placed(self.body, path.split("."), value))

    def with_link(self, link: str) -> PageRequest:
        """The same for a URL that has its query parameters already."""
        return evolve(self, link=link, params=())

    @property
    def content(self) -> bytes | None:
        return None if self.body is None else msgspec.json.encode(self.body)

    def shown(self, origin: str) -> str:
        """For people. Holds no credentials: those come later."""
        query = f"?{urlencode(self.params)}" if self.params else ""
        body = f" {msgspec.json.encode(self.body).decode()}" if self.body is not None else ""
        return f"{self.method} {origin}{self.link}{query}{body}"


def find_endpoint(settings: RestSettings, name: str) -> tuple[str, Endpoint]:
    """The endpoint and its name. Raises QueryError, with the nearest name, if there is none such."""
    if not name and len(settings.endpoints) == 1:
        return next(iter(settings.endpoints.items()))
    if (found := settings.endpoints.get(name)) is not None:
        return name, found
    near = difflib.get_close_matches(name, settings.endpoints, n=1)
    known = ", ".join(settings.endpoints) or "none; add them to the data source's endpoints"
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {known}"
    raise QueryError(
        f"There is no endpoint {name!r}; {hint}" if name else f"The query names no endpoint; {hint}"
    )


def first_request(endpoint: Endpoint, query: RestQuery, base_path: str) -> PageRequest:
    """Raises QueryError for a parameter that is missing, unknown, or does not fit its place."""
    known = parameters_of(endpoint)
    if unknown := next((name for name in query.params if name not in known), None):
        raise QueryError(f"The endpoint has no parameter {unknown!r}; it has {', '.join(known) or 'none'}.")
    scope = Scope(query.data_query, {**endpoint.defaults, **query.params})
    slash = "/" if endpoint.path.endswith("/") and endpoint.path.strip("/") else ""
    return PageRequest(
        link=join_path(base_path, *scope.segments(endpoint.path)) + slash,
        method=endpoint.method,
        params=tuple(scope.parameters(endpoint.params)),
        headers=endpoint.headers,
        body=scope.body(endpoint.json),
        accept=_ACCEPT[endpoint.format],
    )


def parameters_of(endpoint: Endpoint) -> tuple[str, ...]:
    """The names of its parameters, in the order in which they stand there."""
    found = (*placeholders(endpoint.path), *placeholders(endpoint.params), *body_placeholders(endpoint.json))
    return tuple(dict.fromkeys(found))


def needs_parameters(endpoint: Endpoint) -> bool:
    """Whether it cannot be asked without `params`."""
    return any(name not in endpoint.defaults for name in parameters_of(endpoint))


def _placed(body: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    inner = body if isinstance(body, Mapping) else {}
    return {**inner, first: _placed(inner.get(first), rest, value) if rest else value}
