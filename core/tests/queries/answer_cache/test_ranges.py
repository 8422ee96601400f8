"""Moving windows: only the part of a range that is not remembered is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

from headwater import CallContext, Frame, Headwater, QueryLimits, hookimpl
from headwater.frames import CacheStatus
from headwater.models import AnswerSteps, AnswerTraits, DataQuery, DataResponse, PluginContext

from .conftest import FROM, MISS, NOBODY_MATTERS, Clock, Counting, MakeHost, ask, ask_each


class Grouped(Counting):
    """Answers with the minutes that `times` gives for a range, all in milliseconds, as `frames` shows them;
    a query that is `plain` is not made of points of time."""

    def __init__(
        self,
        times: Callable[[int, int], Sequence[int]] = lambda first, last: range(first, last + 1, 60_000),
        frames: Callable[[Sequence[int]], tuple[Frame, ...]] = lambda times: (minutes(times),),
        **steps: Any,
    ) -> None:
        super().__init__()
        self._times = times
        self._frames = frames
        self._steps = steps

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        if query.json.get("plain"):
            return NOBODY_MATTERS
        return evolve(NOBODY_MATTERS, steps=AnswerSteps(60_000, query, **self._steps))

    def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
        self.asked.append(query)
        times = self._times(query.time_range.from_ms, query.time_range.to_ms)
        return DataResponse(self._frames(times[: context.limits.max_rows]))

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first and the last minute of each query, after `FROM`."""
        return [
            (minute_of(query.time_range.from_ms), minute_of(query.time_range.to_ms)) for query in self.asked
        ]


def minutes(times: Sequence[int | None], **columns: Sequence[Any]) -> Frame:
    return Frame.from_pydict({"t": pa.array(times, pa.timestamp("ms")), **columns})


def minute_of(time: int) -> int:
    return (time - int(FROM)) // 60_000


def minutes_of(answer: DataResponse) -> list[int]:
    (frame,) = answer.frames
    times: list[int] = frame.table.column(0).cast(pa.int64()).to_pylist()
    return list(map(minute_of, times))


def range_of(first: float, last: float) -> dict[str, str]:
    return {key: str(int(FROM) + int(60_000 * minute)) for key, minute in (("from", first), ("to", last))}


def ask_minutes(
    host: Headwater, first: float, last: float, context: CallContext | None = None
) -> DataResponse:
    return ask(host, context, body=range_of(first, last))


def test_a_part_with_rows_of_another_part_is_asked_for_as_a_whole(host_of: MakeHost, clock: Clock) -> None:
    def one_too_many(first: int, last: int) -> Sequence[int]:
        is_part = last - first < 600_000
        return range(first - 60_000 * is_part, last + 1, 60_000)

    host = host_of(Grouped(one_too_many, rows=True))
    clock.now += 3600
    ask_minutes(host, 0, 20)
    assert minutes_of(ask_minutes(host, 5, 25)) == list(range(5, 26))


def test_a_window_without_points_has_none_of_the_one_before(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Grouped(lambda first, last: [int(FROM)] if first <= int(FROM) else [], rows=False))
    clock.now += 3600
    assert minutes_of(ask_minutes(host, 0.5, 21)) == [0]
    assert minutes_of(ask_minutes(host, 1, 21.5)) == []


def test_a_window_that_begins_earlier_asks_for_what_is_before(host_of: MakeHost, clock: Clock) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 10, 30)
    earlier = ask_minutes(host, 0, 20)
    assert (minutes_of(earlier), earlier.cache) == (list(range(21)), CacheStatus.PARTIAL)
    assert plugin.ranges == [(10, 30), (0, 9)]


def test_parts_that_together_are_too_many_rows_are_asked_for_as_a_whole(
    host_of: MakeHost, clock: Clock
) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 0, 20)
    cut = ask_minutes(host, 5, 25, CallContext(limits=QueryLimits(max_rows=10)))
    assert (minutes_of(cut), cut.cache) == (list(range(5, 15)), MISS)
    assert plugin.ranges == [(0, 20), (21, 25), (5, 25)]


@pytest.mark.parametrize(
    ("frames", "steps"),
    [
        (lambda times: (minutes(times), minutes(times)), {"rows": True}),
        (lambda times: (Frame.from_pydict({"t": list(times)}),), {}),
        (lambda times: (minutes([*times[1:], None]),), {}),
        (lambda times: (minutes(times, word=list(map(str, times))),), {"wide": True}),
    ],
    ids=["two frames of rows", "numbers", "no time", "no series"],
)
def test_what_is_not_made_of_points_of_time_as_it_was_said_is_asked_for_as_a_whole(
    host_of: MakeHost, clock: Clock, frames: Any, steps: dict[str, Any]
) -> None:
    plugin = Grouped(frames=frames, **steps)
    host = host_of(plugin)
    clock.now += 3600
    for first, last in ((0, 20), (5, 25)):
        answer = ask_minutes(host, first, last)
        times = range_of(first, last)
        expected = frames(range(int(times["from"]), int(times["to"]) + 1, 60_000))
        assert answer.cache is MISS
        assert [frame.table for frame in answer.frames] == [frame.table for frame in expected]
        assert plugin.ranges[-1] == (first, last)


def test_a_part_is_told_from_a_query_that_has_a_name_like_it(host_of: MakeHost, clock: Clock) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 0, 20)
    answers = ask_each(host, range_of(5, 25), {"A": {}, "A#0": {"plain": True}})
    assert [minutes_of(answers[ref_id]) for ref_id in ("A", "A#0")] == [list(range(5, 26))] * 2
    assert [query.ref_id for query in plugin.asked[1:]] == ["A#0", "A#0#"]
