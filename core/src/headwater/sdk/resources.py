"""Resource routes: `@resource("tables/{table}")` methods, matched on validated, decoded path segments."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from headwater.errors import MethodNotImplementedError, ValidationError
from headwater.models import CallResourceRequest, CallResourceResponse

from .paths import split_path

if TYPE_CHECKING:
    from headwater.calls.context import CallContext

__all__ = ["ResourceRequest", "Route", "resource", "routes_of"]

_F = TypeVar("_F", bound=Callable[..., Any])
_MARK = "_headwater_resource"


@frozen
class ResourceRequest:
    """A resource call on its way to a method. `params` are the path's `{…}` parts, `query` the URL's."""

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    call: CallResourceRequest

    def json(self) -> Any:
        """The body as JSON; None when empty. Raises ValidationError."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"the body is not valid JSON ({error})", path="body") from error

    def query_list(self, name: str) -> list[str]:
        """All values of a repeated query parameter, such as `match[]`."""
        return parse_qs(urlsplit(self.call.url).query, keep_blank_values=True).get(name, [])


@frozen
class Route:
    pattern: str
    methods: tuple[str, ...]
    attribute: str

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The values of the pattern's parameters, None if `segments` do not fit."""
        parts = self.pattern.split("/") if self.pattern else []
        if len(parts) != len(segments):
            return None
        values = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith("{"):
                values[part[1:-1]] = segment
            elif part != segment:
                return None
        return values


def resource(*patterns: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[_F], _F]:
    """Serve the resource paths `patterns` with this method: `method(request, context)`.

    A pattern is a relative path whose `{name}` segments become `request.params`; the empty one is the root.
    The method returns anything JSON can hold, or a `CallResourceResponse`, or an iterator of them.
    """

    def mark(function: _F) -> _F:
        upper = tuple(method.upper() for method in methods)
        setattr(function, _MARK, tuple((pattern.strip("/"), upper) for pattern in patterns))
        return function

    return mark


@cache
def routes_of(data_source: type) -> tuple[Route, ...]:
    """The routes of a DataSource class, the ones without parameters first."""
    routes = [
        Route(pattern, methods, name)
        for name, member in inspect.getmembers(data_source, callable)
        for pattern, methods in getattr(member, _MARK, ())
    ]
    return tuple(sorted(routes, key=lambda route: ("{" in route.pattern, route.pattern)))


def dispatch(
    target: object,
    routes: tuple[Route, ...],
    request: CallResourceRequest,
    context: CallContext,
    ended: Callable[[Any], Any] = lambda result: result,
) -> Iterator[CallResourceResponse]:
    """Answer `request` with the matching method of `target`. `ended` waits for a method that is a coroutine.

    Raises MethodNotImplementedError when no route fits, with status 405 when only the method differs.
    """
    segments = split_path(request.path.strip("/"))
    other_methods: set[str] = set()
    for route in routes:
        params = route.match(segments)
        if params is None:
            continue
        if request.method.upper() not in route.methods:
            other_methods.update(route.methods)
            continue
        result = ended(getattr(target, route.attribute)(_resource_request(request, params), context))
        yield from _responses(result)
        return
    if other_methods:
        allowed = ", ".join(sorted(other_methods))
        raise MethodNotImplementedError(f"Resource {request.path!r} answers only {allowed}.", status=405)
    known = ", ".join(route.pattern for route in routes) or "none"
    raise MethodNotImplementedError(f"There is no resource {request.path!r}; known resources: {known}.")


def _resource_request(request: CallResourceRequest, params: Mapping[str, str]) -> ResourceRequest:
    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    return ResourceRequest(
        method=request.method.upper(),
        path=request.path,
        params=params,
        query={name: values[-1] for name, values in query.items()},
        headers={name.lower(): values for name, values in request.headers.items()},
        body=request.body,
        call=request,
    )


def _responses(result: Any) -> Iterator[CallResourceResponse]:
    if isinstance(result, CallResourceResponse):
        yield result
    elif isinstance(result, Iterator):
        yield from result
    else:
        yield json_response(result)


def json_response(value: Any, status: int = 200) -> CallResourceResponse:
    """A JSON answer. Dates, decimals and other values JSON lacks are written as text."""
    try:
        text = _to_json(value)
    except ValueError:  # JSON has no NaN and no infinity
        text = _to_json(json.loads(json.dumps(value, default=str), parse_constant=str))
    body = text.encode("utf-8", "replace")
    return CallResourceResponse(status, {"Content-Type": ("application/json",)}, body)


def _to_json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
