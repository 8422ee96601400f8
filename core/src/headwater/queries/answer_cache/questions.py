"""From a query to a question: what has to be equal for one answer to serve for two queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol, TypeAlias

from attrs import astuple, evolve, frozen

from headwater.models import AnswerSteps, AnswerTraits, DataQuery, TimeRange, User

from .rules import CacheRule

__all__ = ["Asker", "Key", "Question", "SourceVersion", "Window", "read_question"]

Key: TypeAlias = tuple[Hashable, ...]
"""Plain values, so that their `repr` is a key as good as they are."""
_NOT_ASKED = ("refId", "key", "timeRange", "queryCachingTTL", "queryCachingStaleTTL")
"""Keys that name a query, or that are read elsewhere: the answer is the same."""
_LONGEST_TEXT = 512
_REFERENCES = ("datasource", "datasourceId")
"""Their presence tells what client wrote the query; what they name is in the key already."""


class SourceVersion(Protocol):
    """What a data source and its settings have in common: which state of which source is asked."""

    @property
    def uid(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def updated(self) -> datetime: ...
    @property
    def json_data(self) -> Mapping[str, Any]: ...


@frozen
class Asker:
    """Who asks: what a plugin could tell callers apart by."""

    user: User | None
    headers: Mapping[str, str]


@frozen
class Window:
    """The points of time that a question is about: the first and the last, `step` apart, in milliseconds."""

    first: int
    last: int
    step: int

    def times(self) -> TimeRange:
        return TimeRange.from_epoch_ms(self.first, self.last)


@frozen
class Question:
    """A query and the keys of its answers.

    `query` asks for the whole answer as the caller wants it, that of `steps` for points of it.
    `is_anybodys`: nothing of the caller matters. `same_for` is after how many seconds the query, if its range
    is relative to now, becomes another question.
    `window` and `series_key` are set if points of time may be remembered one by one: all windows of one
    length have the same `series_key`.
    """

    key: Key
    uid: str
    query: DataQuery
    rule: CacheRule
    is_anybodys: bool
    same_for: float
    steps: AnswerSteps | None = None
    window: Window | None = None
    series_key: Key = ()


def read_question(
    query: DataQuery,
    source: SourceVersion,
    plugin_version: str,
    asker: Asker,
    rule: CacheRule,
    describe: Callable[[Key], AnswerTraits],
) -> Question | None:
    """The question that `query` asks; None if no answer to it is to be remembered.

    `describe` says what the answer depends on, given a key of everything but time and caller.
    """
    rule = rule.for_query(query.json)
    if rule.ttl <= 0:
        return None
    text = _text_of(query)
    if text is None:
        return None
    times = query.time_range
    length = times.to_ms - times.from_ms
    state = (source.uid, source.id, source.version, source.updated, plugin_version)
    kind = _short(query.query_type)
    asked: Key = (text, *state, kind, query.max_data_points, query.interval_ms, length)
    traits = describe(asked)
    if not traits.kept:
        return None
    who = _identity(traits, asker)
    # A caller without the headers that matter is not anybody: the next one may have them.
    is_anybodys = not traits.user and traits.headers == ()
    if traits.steps is None:
        unit = _unit(query, rule)
        bucket = times.from_ms // unit, times.to_ms // unit
        # The ref id counts: some plugins name frames by it.
        key = ("whole", asked, who, query.ref_id, bucket)
        return Question(key, source.uid, query, rule, is_anybodys, _same_for(times, unit))
    steps = traits.steps
    window = _window(times, steps)
    steps = evolve(steps, query=evolve(steps.query, ref_id=query.ref_id, time_range=window.times()))
    return Question(
        ("series", asked, who, window.first, window.last),
        source.uid,
        query if steps.wide else steps.query,
        rule,
        is_anybodys,
        _same_for(times, steps.step_ms, steps.offset_ms),
        steps,
        window,
        ("points", asked, who),
    )


def _text_of(query: DataQuery) -> Key | None:
    """The query object, whatever the order of its keys; None if it holds what cannot be told apart.

    Bound times count, or a text like theirs would be the same.
    """
    asked = {key: value for key, value in query.json.items() if key not in _NOT_ASKED}
    for key in _REFERENCES:
        if key in asked:
            asked[key] = True
    times = 0

    def as_text(value: object) -> str:
        nonlocal times
        if not isinstance(value, datetime):
            raise TypeError
        times += 1
        return value.isoformat()

    try:
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"), default=as_text)
    except (TypeError, ValueError, RecursionError):
        return None
    return _short(text), times


def _short(text: str) -> str | bytes:
    """A long text as its digest: keys are many, and a query may be megabytes."""
    return text if len(text) <= _LONGEST_TEXT else sha256(text.encode("utf-8", "surrogatepass")).digest()


def _identity(traits: AnswerTraits, asker: Asker) -> Key:
    user = astuple(asker.user) if traits.user and asker.user is not None else ()
    if traits.headers == ():
        return (user, ())
    headers = {name.lower(): value for name, value in asker.headers.items()}
    if traits.headers is not None:
        significant = {name.lower() for name in traits.headers}
        headers = {name: value for name, value in headers.items() if name in significant}
    return (user, tuple(sorted(headers.items())))


def _unit(query: DataQuery, rule: CacheRule) -> int:
    """Ranges that begin and end in the same step are one: within the time to live the difference is what an
    answer from memory lacks anyway. In milliseconds."""
    length = query.time_range.to_ms - query.time_range.from_ms
    step = max(query.interval_ms, length // max(1, query.max_data_points))
    return max(1, min(step, int(1000 * rule.ttl)))


def _same_for(times: TimeRange, unit: int, offset: int = 0) -> float:
    return min(unit - (time + offset) % unit for time in (times.from_ms, times.to_ms)) / 1000


def _window(time_range: TimeRange, steps: AnswerSteps) -> Window:
    def aligned(time: int) -> int:
        return (time + steps.offset_ms) // steps.step_ms * steps.step_ms - steps.offset_ms

    return Window(aligned(time_range.from_ms), aligned(time_range.to_ms), steps.step_ms)
