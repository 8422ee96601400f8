"""`NamedRun`: runs the query of a named query within its limits, and shows the caller what it may see."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from attrs import evolve

from headwater import Headwater
from headwater.calls import CallContext
from headwater.errors import HeadwaterError
from headwater.models import QueryChunk, QueryDataResponse, User
from headwater.queries import MetricQuery
from headwater.queries.named import NamedQuery, RunnersView, limited

R = TypeVar("R")


class NamedRun:
    """In place of the `Headwater` that a request would query. Without a `view` everything is shown."""

    def __init__(self, headwater: Headwater, named: NamedQuery, view: RunnersView | None) -> None:
        self._headwater = headwater
        self._named = named
        self._view = view

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
