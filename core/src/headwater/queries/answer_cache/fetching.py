"""Fetches the answers to questions with one call: whole ones, and what is missing of series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from headwater.frames import CacheStatus
from headwater.models import DataQuery, DataResponse

from .kept import AnswerStore, KeptAnswer

if TYPE_CHECKING:
    from headwater.calls.context import QueryLimits

    from .questions import Key, Question
    from .ranges import SeriesPlan

__all__ = ["Fetcher"]

_Ask = Callable[[Sequence[DataQuery]], Mapping[str, DataResponse]]
_OK = 200


class Fetcher:
    """Fetches answers with `ask`, which gives outcomes by ref id, and keeps those that may be kept."""

    def __init__(
        self, store: AnswerStore, ask: _Ask, limits: QueryLimits, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._ask = ask
        self._limits = limits
        self._clock = clock

    def fetch(self, questions: Sequence[Question]) -> dict[Key, DataResponse]:
        """The answers by key; none for a query that its plugin skipped."""
        plans = [self._plan(question) for question in questions]
        whole = [question.query for question, plan in zip(questions, plans, strict=True) if plan is None]
        parts = _parts(plans, {query.ref_id for query in whole})
        asked = [*whole, *(query for queries in parts for query in queries)]
        outcomes = self._ask(asked) if asked else {}
        found: dict[Key, DataResponse] = {}
        for question, plan, queries in zip(questions, plans, parts, strict=True):
            if plan is None:
                response = _missed(outcomes.get(question.query.ref_id))
            else:
                response = self._joined(question, plan, [outcomes.get(query.ref_id) for query in queries])
            if response is not None:
                found[question.key] = response
                self._keep(question, response)
        return found

    def _plan(self, question: Question) -> SeriesPlan | None:
        if question.steps is None:
            return None
        from .ranges import SeriesPlan

        return SeriesPlan(question, self._store.get(question.series_key), self._clock())

    def _joined(
        self, question: Question, plan: SeriesPlan, parts: Sequence[DataResponse | None]
    ) -> DataResponse | None:
        """The whole answer, joined if every part is complete; else asked for as a whole."""
        from .ranges import NotJoinableError, as_asked_for

        assert question.steps is not None
        complete = [part for part in parts if part is not None and is_complete(part)]
        if len(complete) == len(parts):
            try:
                frames = plan.join([part.frames for part in complete])
                kept = plan.to_keep(frames)
                answer = as_asked_for(question.steps, DataResponse(frames, cache=plan.status))
            except NotJoinableError:
                pass
            else:
                if KeptAnswer(frames, 0, 0).fits(self._limits) or not plan.continues:
                    if kept is not None:
                        self._store.put(question.series_key, question.uid, kept)
                    return answer
        if not plan.continues and not question.steps.wide:
            return _missed(parts[0])
        return _missed(self._ask([question.query]).get(question.query.ref_id))

    def _keep(self, question: Question, response: DataResponse) -> None:
        if not is_complete(response):
            return
        now = self._clock()
        fresh_until = now + question.rule.ttl
        stale_until = fresh_until + question.rule.stale_while_revalidate
        answer = KeptAnswer(response.frames, fresh_until, stale_until, made=now)
        self._store.put(question.key, question.uid, answer)


def is_complete(response: DataResponse) -> bool:
    """Whether an answer is all that there was to say: no error, no warning, nothing cut off."""
    from headwater.frames import Severity

    if response.error is not None or response.status != _OK:
        return False
    return not any(
        frame.truncated or any(notice.severity is not Severity.INFO for notice in frame.notices)
        for frame in response.frames
    )


def _parts(plans: Sequence[SeriesPlan | None], taken: set[str]) -> list[list[DataQuery]]:
    """The queries of each plan, under ref ids of their own."""
    numbered: list[list[DataQuery]] = []
    for plan in plans:
        queries = []
        for part, query in enumerate(() if plan is None else plan.queries()):
            name = f"{query.ref_id}#{part}"
            while name in taken:
                name += "#"
            taken.add(name)
            queries.append(evolve(query, ref_id=name))
        numbered.append(queries)
    return numbered


def _missed(response: DataResponse | None) -> DataResponse | None:
    return None if response is None else evolve(response, cache=CacheStatus.MISS)
