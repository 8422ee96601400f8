"""`NamedRun`: runs the query of a named query within its limits, and shows the caller what it may see."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from attrs import evolve

from headwater import Headwater
from headwater.calls import CallContext
from headwater.errors import HeadwaterError, ValidationError
from headwater.models import QueryChunk, QueryDataResponse, User
from headwater.queries import MetricQuery, QueryOptions
from headwater.queries.named import NamedQuery, PreparedQuery, RunnersView, limited
from headwater_server.auth import Action, Principal

R = TypeVar("R")
_KEYS: Final = ("parameters", "from", "to", "intervalMs", "maxDataPoints")
_MOST_POINTS: Final = 2**53


class NamedRun:
    """In place of the `Headwater` that a request would query. Without a `view` everything is shown."""

    def __init__(self, headwater: Headwater, named: NamedQuery, view: RunnersView | None) -> None:
        self._headwater = headwater
        self._named = named
        self._view = view

    @classmethod
    def of(cls, headwater: Headwater, named: NamedQuery, principal: Principal) -> NamedRun:
        """The run of one that `principal` may run."""
        may_read = principal.may(Action.READ_QUERIES, named.id)
        return cls(headwater, named, None if may_read else RunnersView(named))

    def prepare(self, body: Mapping[str, Any], context: CallContext) -> PreparedQuery:
        """The query with the values, the range and the step that `body` gives.

        Raises ValidationError with the path of what is wrong; what finding choices raises.
        """
        values, options = _values_and_options(body)
        try:
            return self._headwater.named_query_runner.prepare(self._named, values, options, context)
        except ValidationError:
            raise
        except HeadwaterError as error:
            raise self.shown(error) from error

    def start_query_data(
        self,
        request: Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
        then: Callable[[QueryDataResponse], R],
    ) -> Future[R]:
        bounded = self._bounded(context or CallContext())
        view = self._view
        shown = then if view is None else lambda answer: then(view.of_answer(answer))
        started = self._headwater.start_query_data(request, bounded, user=user, then=shown)
        started.add_done_callback(lambda _: bounded.close())
        return started

    def query_chunked_data(
        self, request: Sequence[MetricQuery], context: CallContext, *, user: User | None = None
    ) -> Generator[QueryChunk, None, None]:
        with self._bounded(context) as bounded:
            chunks = limited(
                self._headwater.query_chunked_data(request, bounded, user=user), self._named.limits
            )
            yield from chunks if self._view is None else self._view.of_chunks(chunks)

    def shown(self, error: HeadwaterError) -> HeadwaterError:
        return error if self._view is None else self._view.of_error(error)

    def _bounded(self, context: CallContext) -> CallContext:
        limits = self._named.limits
        return context.child(
            timeout=limits.timeout, limits=evolve(context.limits, **limits.within(context.limits))
        )


def _values_and_options(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], QueryOptions]:
    """The values of parameters, and the range and step."""
    for key in body:
        if key not in _KEYS:
            raise ValidationError(f"unknown key; known are {', '.join(_KEYS)}", path=key[:64])
    values = body.get("parameters", {})
    if not isinstance(values, Mapping):
        raise ValidationError("expected an object", path="parameters")
    options: QueryOptions = {}
    for key in ("from", "to"):
        if not isinstance(body.get(key, ""), str | int):
            raise ValidationError("expected text or milliseconds", path=key)
    if "from" in body:
        options["from_"] = body["from"]
    if "to" in body:
        options["to"] = body["to"]
    if "maxDataPoints" in body:
        options["max_data_points"] = _count(body, "maxDataPoints")
    if "intervalMs" in body:
        options["interval_ms"] = _count(body, "intervalMs")
    return values, options


def _count(body: Mapping[str, Any], key: str) -> int:
    value = body[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MOST_POINTS:
        raise ValidationError("expected a whole number above 0", path=key)
    return value
