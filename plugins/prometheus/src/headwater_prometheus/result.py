"""From one answer to frames, and what the server says of the whole answer as their meta."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import chain
from typing import TypeAlias

import pyarrow as pa
from attrs import evolve

from headwater.calls import CallContext
from headwater.errors import LimitExceededError
from headwater.frames import FieldConfig, Frame, FrameMeta, Notice, Stat

from .answer import AnswerReader
from .document import AnswerTail
from .layouts import Display, Layout, multi_frames, scalar_frame
from .long import long_frame
from .series import RowLimit, SeriesBlock, collect
from .steps import Plan
from .wide import wide_frame

_SERIES_BYTES = 256

Pieces: TypeAlias = Generator[tuple[Frame, AnswerTail | None], None, None]
"""Frames in order; the tail comes with the first frame if it is known by then, else with the last."""
LayOut: TypeAlias = Callable[[Iterator[SeriesBlock]], Iterable[Frame]]
"""Makes the frames of the series that are read from the iterator, none of no series."""


def pieces(
    answer: AbstractContextManager[AnswerReader],
    display: Display,
    layout: Layout,
    context: CallContext,
    lay_out: LayOut | None = None,
) -> Pieces:
    """The frames of `answer`: in `multi` while it arrives, otherwise as `lay_out` reads it, or as one."""
    row_limit = RowLimit(context.limits.max_rows)
    with answer as reader:
        blocks = Watch(context).blocks(row_limit.apply(reader.blocks()))
        frames = iter((lay_out or _whole(display, layout, context))(blocks))
        held = next(frames, None)
        if held is None:
            yield without_series(reader.tail, display, layout, context), _tail(reader, row_limit)
        elif reader.tail.result_type:
            yield held, _tail(reader, row_limit)
            yield from ((frame, None) for frame in frames)
        else:
            for frame in frames:
                yield held, None
                held = frame
            yield held, _tail(reader, row_limit)


def laid_out(block: SeriesBlock, display: Display, layout: Layout, context: CallContext) -> Frame:
    """All series in one frame, `wide` or `long`."""
    if layout is Layout.WIDE:
        return wide_frame(block, display, context.check, max_bytes=context.limits.max_bytes)
    return long_frame(block, display, context.check)


def without_series(tail: AnswerTail, display: Display, layout: Layout, context: CallContext) -> Frame:
    """A scalar, a text, or no data: in `multi` a frame with a type and no fields, else no rows."""
    if tail.scalar is not None:
        return scalar_frame(*tail.scalar, tail.result_type, display, layout)
    nothing = SeriesBlock.empty(is_vector=tail.result_type == "vector")
    if layout is Layout.MULTI:
        return Frame(pa.table({}), meta=display.meta(layout, is_vector=nothing.is_vector))
    return laid_out(nothing, display, layout, context)


class Watch:
    """Reports the blocks of one query as progress, and refuses them when they outgrow the byte limit."""

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._rows = self._series = self._size = 0
        self._labels: set[str] = set()

    def blocks(self, blocks: Iterable[SeriesBlock]) -> Iterator[SeriesBlock]:
        for block in blocks:
            self._see(block)
            yield block

    def _see(self, block: SeriesBlock) -> None:
        self._rows += block.num_rows
        self._series += len(block.metrics)
        self._labels.update(*block.metrics)
        self._size += block.times.nbytes + block.values.nbytes + _label_bytes(block)
        self._context.report_progress(rows=self._rows, bytes=self._size)
        limit = self._context.limits.max_bytes
        if limit is not None and self._size + 4 * len(self._labels) * max(self._rows, self._series) > limit:
            raise LimitExceededError(
                f"The answer takes more than {limit} bytes as a frame, the byte limit. "
                "Use a larger step, a shorter range or an aggregation."
            )


def described(frames: Pieces, planned: Plan) -> Iterator[Frame]:
    """`frames` with the executed query on the first, and with what the server said of the answer."""
    first = True
    with closing(frames):
        for frame, tail in frames:
            meta = frame.meta or FrameMeta()
            if first:
                meta = with_plan(meta, planned)
                first = False
            if tail is not None:
                meta = with_reports(meta, tail)
            yield frame if meta is frame.meta else frame.with_(meta=meta)


def with_plan(meta: FrameMeta, planned: Plan) -> FrameMeta:
    return evolve(
        meta,
        executed_query_string=planned.executed_query,
        custom={**meta.custom, "calculatedMinStep": planned.step},
    )


def with_reports(meta: FrameMeta, tail: AnswerTail) -> FrameMeta:
    notices = (*map(Notice.warning, tail.warnings), *map(Notice.info, tail.infos))
    if tail.stats is None:
        return evolve(meta, notices=notices) if notices else meta
    samples = tail.stats.get("samples", {}) if isinstance(tail.stats, dict) else {}
    total = samples.get("totalQueryableSamples")
    named = FieldConfig(display_name="Total queryable samples")
    return evolve(
        meta,
        notices=notices,
        custom={**meta.custom, "stats": tail.stats},
        stats=(Stat(float(total), named),) if isinstance(total, int | float) else (),
    )


def _whole(display: Display, layout: Layout, context: CallContext) -> LayOut:
    def by_series(blocks: Iterator[SeriesBlock]) -> Iterator[Frame]:
        return chain.from_iterable(multi_frames(block, display) for block in blocks)

    def at_once(blocks: Iterator[SeriesBlock]) -> Iterator[Frame]:
        if (block := collect(blocks)).metrics:
            yield laid_out(block, display, layout, context)

    return by_series if layout is Layout.MULTI else at_once


def _tail(reader: AnswerReader, row_limit: RowLimit) -> AnswerTail:
    if not row_limit.reached:
        return reader.tail
    cut = f"Results have been limited to {row_limit.max_rows} samples because the row limit was reached"
    return evolve(reader.tail, warnings=(*reader.tail.warnings, cut))


def _label_bytes(block: SeriesBlock) -> int:
    """What the labels take as Python holds them, about."""
    texts = chain.from_iterable(metric.values() for metric in block.metrics)
    return _SERIES_BYTES * len(block.metrics) + sum(map(len, texts))
