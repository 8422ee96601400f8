"""`SeriesPlan`: an answer of which some points of time are remembered, and the rest is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from attrs import evolve

from headwater.errors import FrameError
from headwater.frames import CacheStatus, Frame, FrameMeta, series_from_rows
from headwater.models import AnswerSteps, DataQuery, DataResponse

from .kept import KeptAnswer

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .questions import Question, Window

__all__ = ["SeriesPlan", "as_asked_for"]

_PER_MILLISECOND = {"s": 1e-3, "ms": 1, "us": 1_000, "ns": 1_000_000}
Times: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
_Labels: TypeAlias = "tuple[tuple[str, str], ...]"


class NotJoinableError(Exception):
    """Frames that are no series of points of time: ask for the whole range."""


class SeriesPlan:
    """What of `question` is to be asked for, and how that is joined with what is kept."""

    def __init__(self, question: Question, kept: KeptAnswer | None, now: float) -> None:
        assert question.window is not None
        assert question.steps is not None
        self._question = question
        self._window: Window = question.window
        self._steps = question.steps
        self._now = now
        covered = None if kept is None else kept.covered
        self._kept = kept if covered is not None and _touch(covered, self._window) else None
        self.missing: list[tuple[int, int]] = list(self._missing())

    @property
    def continues(self) -> bool:
        """Whether anything is kept of it."""
        return self._kept is not None

    @property
    def status(self) -> CacheStatus:
        """How much of the answer is from memory."""
        if not self.continues:
            return CacheStatus.MISS
        return CacheStatus.PARTIAL if self.missing else CacheStatus.HIT

    def queries(self) -> list[DataQuery]:
        """A query for each part that is missing, all with the question's ref id."""
        return [
            evolve(self._steps.query, time_range=evolve(self._window, first=first, last=last).times())
            for first, last in self.missing
        ]

    def join(self, parts: Sequence[Sequence[Frame]]) -> tuple[Frame, ...]:
        """The whole answer: what is kept, and the frames of each part that was missing.

        Raises NotJoinableError.
        """
        kept = () if self._kept is None else self._kept.frames
        within = [_cut(frame, self._window.first, self._window.last) for frame in kept if _has_rows(frame)]
        pieces = [*within, *(frame for part in parts for frame in part if _has_rows(frame))]
        newest = parts[-1] if parts else kept
        if not self.continues and len(parts) == 1:
            joined = tuple(parts[0])
        else:
            if self._steps.rows:
                for part, (first, last) in zip(parts, self.missing, strict=True):
                    self._check(part, first, last)
            joined = self._described(_joined(pieces), newest)
        self._check(joined, self._window.first, self._window.last)
        return joined

    def _check(self, frames: Sequence[Frame], first: int, last: int) -> None:
        """Raises NotJoinableError for frames that are not what the plugin said of them."""
        filled = [frame for frame in frames if _has_rows(frame)]
        if self._steps.rows and len(filled) > 1:
            raise NotJoinableError  # parts whose columns differ
        for frame in filled:
            times = _times(frame)
            if not self._steps.rows:
                continue
            if (times[1:] < times[:-1]).any() or not self._are_points(frame, times, first, last):
                raise NotJoinableError

    def _are_points(self, frame: Frame, times: Times, first: int, last: int) -> bool:
        scale = _PER_MILLISECOND[frame.table.column(0).type.unit]
        inside = (times >= first * scale) & (times <= last * scale)
        apart = (times + self._steps.offset_ms * scale) % (self._window.step * scale)
        return bool(inside.all() and not apart.any())

    def to_keep(self, frames: Iterable[Frame]) -> KeptAnswer | None:
        """What to keep of a whole answer: its points that will not change any more. None to leave all as it
        is, because little would be added."""
        rule, step = self._question.rule, self._steps.step_ms
        settled = int(1000 * (self._now - rule.overlap)) - step
        last = min(self._window.last, self._aligned(settled))
        if last < self._window.first:
            return None
        made = self._now if self._kept is None else self._kept.fresh_until - rule.range_ttl
        if self._kept is not None and self._kept.covered is not None:
            first_kept, last_kept = self._kept.covered
            moved = last - last_kept
            if first_kept <= self._window.first and moved < 500 * rule.overlap:
                return None
        until = made + rule.range_ttl
        settled_frames = tuple(_cut(frame, self._window.first, last) if _has_rows(frame) else frame
                               for frame in frames)  # fmt: skip
        return KeptAnswer(settled_frames, until, until, (self._window.first, last))

    def _missing(self) -> Iterable[tuple[int, int]]:
        first, last, step = self._window.first, self._window.last, self._window.step
        if self._kept is None or self._kept.covered is None:
            yield first, last
            return
        first_kept, last_kept = self._kept.covered
        if first < first_kept:
            yield first, first_kept - step
        if last > last_kept:
            yield last_kept + step, last

    def _aligned(self, time: int) -> int:
        step, offset = self._steps.step_ms, self._steps.offset_ms
        return (time + offset) // step * step - offset

    def _described(self, frames: list[Frame], newest: Sequence[Frame]) -> tuple[Frame, ...]:
        """`frames`, of which the first says what the newest answer says of itself as a whole."""
        if not frames:
            return tuple(frame.slice(0, 0) for frame in newest[:1])
        head = (newest[0].meta if newest else None) or FrameMeta()
        notices = tuple(notice for frame in newest for notice in frame.notices)
        plain = [frame.with_(meta=self._without_head(frame.meta or FrameMeta())) for frame in frames]
        first = plain[0].meta or FrameMeta()
        custom = head.custom or {}
        said = {key: custom[key] for key in self._steps.first_frame_keys if key in custom}
        meta = evolve(
            first,
            executed_query_string=head.executed_query_string,
            notices=notices,
            stats=head.stats,
            custom={**(first.custom or {}), **said} or None,
        )
        return (plain[0].with_(meta=meta), *plain[1:])

    def _without_head(self, meta: FrameMeta) -> FrameMeta:
        custom = {
            key: value
            for key, value in (meta.custom or {}).items()
            if key not in self._steps.first_frame_keys
        }
        return evolve(meta, executed_query_string="", notices=(), stats=(), custom=custom or None)


def as_asked_for(steps: AnswerSteps, response: DataResponse) -> DataResponse:
    """`response`, of rows where the caller wants the series that they make. Raises NotJoinableError."""
    if not steps.wide:
        return response
    try:
        return evolve(response, frames=tuple(map(series_from_rows, response.frames)))
    except FrameError:
        raise NotJoinableError from None  # the whole answer will say why


def _touch(covered: tuple[int, int], window: Window) -> bool:
    """Whether what is kept overlaps with the window or is next to it."""
    return covered[0] <= window.last + window.step and window.first <= covered[1] + window.step


def _has_rows(frame: Frame) -> bool:
    return frame.table.num_columns > 0 and frame.num_rows > 0


def _times(frame: Frame) -> Times:
    column = frame.table.column(0)
    if not pa.types.is_timestamp(column.type) or column.null_count:
        raise NotJoinableError
    times = column.cast(pa.int64()).to_numpy()
    found: Times = times
    return found


def _cut(frame: Frame, first: int, last: int) -> Frame:
    """The rows from `first` to `last`, in milliseconds, both included."""
    times = _times(frame)
    scale = _PER_MILLISECOND[frame.table.column(0).type.unit]
    start = int(np.searchsorted(times, first * scale, "left"))
    end = int(np.searchsorted(times, last * scale, "right"))
    return frame if (start, end) == (0, len(times)) else frame.slice(start, end - start)


def _joined(pieces: Iterable[Frame]) -> list[Frame]:
    """One frame for each series, its pieces in the order of their times; series in the order of labels."""
    series: dict[Hashable, list[Frame]] = {}
    for piece in pieces:
        if piece.num_rows:
            series.setdefault(_identity(piece), []).append(piece)
    ordered = sorted(series.values(), key=lambda parts: _labels(parts[0]))
    return [_one(sorted(parts, key=lambda part: int(_times(part)[0]))) for parts in ordered]


def _one(parts: list[Frame]) -> Frame:
    """Copied even if there is one part: a slice would hold on to all that it was cut from."""
    tables = [part.table.replace_schema_metadata(None) for part in parts]
    table = pa.concat_tables(tables).combine_chunks() if len(tables) > 1 else tables[0]
    last = parts[-1]
    return Frame(table, last.name, last.ref_id, last.meta)


def _identity(frame: Frame) -> Hashable:
    fields = tuple(
        (field.name, str(field.type), tuple(sorted((field.metadata or {}).items())))
        for field in frame.table.schema
    )
    return frame.name, fields


def _labels(frame: Frame) -> tuple[_Labels, int]:
    labels = next((field.labels for field in frame.fields if field.labels), {})
    return tuple(sorted(labels.items())), frame.num_columns
