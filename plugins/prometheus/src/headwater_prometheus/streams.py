"""The layouts `long` and `wide` of a range as streams of rows, in bounded memory.

Both need to know all series before the first row: `long` for the labels that it has columns for, `wide` for
its columns. Of an answer that ends within `LEAD_PIECES` pieces they are known then. For a larger one the
server is asked which series the range has, which takes it about as long as the query itself. Then `long`
goes on reading; `wide` needs all series of a time at once, which an answer that comes series by series has
not, so it leaves the answer and asks again for slices of time, one after the other, on the borders of steps.
It does so, too, for a short answer of so many series with so few samples that nulls would make it large.

Held at a time are the lead and a piece or two, or one slice; and for `wide` its columns' names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import chain, islice
from typing import TypeAlias

import pyarrow as pa
from attrs import evolve

from headwater.calls import CallContext
from headwater.errors import DownstreamServerError, LimitExceededError, QueryError
from headwater.frames import Frame, FrameMeta, FrameStream

from .answer import AnswerReader
from .document import AnswerTail
from .layouts import Display, Layout
from .long import long_frame
from .result import LayOut, Pieces, Watch, laid_out, with_plan, with_reports, without_series
from .series import SeriesBlock, collect
from .steps import Plan
from .wide import WideSlices, count_cells

LEAD_PIECES = 4
"""Of 4 MiB of text each: about half a million samples."""
SLICE_SAMPLES = 1 << 19
_WHOLE_SLICES = 8
"""As a table without more requests: so many slices, nulls counted."""
_BATCH_ROWS = 65_536
_HISTOGRAM_SAMPLES = 64
"""A native histogram takes as much memory as so many samples, about."""

AskSeries: TypeAlias = Callable[[], AbstractContextManager[AnswerReader]]
"""Opens an answer with at least one point of each series that the range has."""
AskSlice: TypeAlias = Callable[[int, int], AbstractContextManager[AnswerReader]]
"""Opens the answer of the steps from the first to the last one, both of them counted from 0."""


def stream_of(pieces: Pieces, planned: Plan) -> FrameStream:
    """The rows of `pieces`, frames of one schema. Waits for the first one; the stream owns `pieces`."""
    frame, tail = next(pieces)
    first = with_plan(frame.meta or FrameMeta(), planned)

    def batches() -> Iterator[pa.RecordBatch]:
        for piece, told in chain([(frame, None)], pieces):
            if told is not None:
                stream.meta = with_reports(first, told)
            yield from piece.table.to_batches(max_chunksize=_BATCH_ROWS)

    meta = first if tail is None else with_reports(first, tail)
    stream = FrameStream(frame.schema, batches(), name=frame.name, meta=meta, on_close=pieces.close)
    return stream


def long_parts(display: Display, ask: AskSeries, context: CallContext) -> LayOut:
    """Frames of some series each, all with the same columns."""

    def frames(blocks: Iterator[SeriesBlock]) -> Iterator[Frame]:
        shown = display
        if shown.labels is None:
            lead = _lead(blocks)
            if not _goes_on(lead):
                if (block := collect(lead)).metrics:
                    yield long_frame(block, shown, context.check)
                return
            shown = _with_columns(display, lead, ask)
            blocks = chain(lead, blocks)
        yield from (long_frame(block, shown, context.check) for block in blocks)

    return frames


def wide_parts(
    display: Display, planned: Plan, ask: AskSeries, ask_slice: AskSlice, context: CallContext
) -> Pieces:
    """One frame, or one for each slice of time, all with the same columns."""
    steps = (planned.end - planned.start) // planned.step + 1
    with ask_slice(0, steps - 1) as reader, closing(reader.blocks()) as blocks:
        lead = _lead(Watch(context).blocks(blocks))
        if not _goes_on(lead):
            block = collect(lead)
            if not block.metrics:
                yield without_series(reader.tail, display, Layout.WIDE, context), reader.tail
                return
            if count_cells(block) <= _WHOLE_SLICES * SLICE_SAMPLES:
                yield laid_out(block, display, Layout.WIDE, context), reader.tail
                return
            del block
    del lead
    yield from _slices(display, steps, ask, ask_slice, Watch(context))


def _slices(display: Display, steps: int, ask: AskSeries, ask_slice: AskSlice, watch: Watch) -> Pieces:
    with _asked(ask) as reader:
        series = collect(block.firsts() for block in reader.blocks())
    slices = WideSlices(series, display)
    weight = len(series.metrics) + _HISTOGRAM_SAMPLES * len(series.histograms)
    length = max(1, SLICE_SAMPLES // max(1, weight))
    told = list[AnswerTail]()
    for first in range(0, steps, length):
        with ask_slice(first, min(first + length, steps) - 1) as reader:
            frame = slices.frame(collect(watch.blocks(reader.blocks())))
        told.append(reader.tail)
        is_last = first + length >= steps
        yield frame, _together(told, len(slices.others)) if is_last else None


def _lead(blocks: Iterator[SeriesBlock]) -> list[SeriesBlock]:
    return list(islice(blocks, LEAD_PIECES + 1))


def _goes_on(lead: list[SeriesBlock]) -> bool:
    return len(lead) > LEAD_PIECES


def _with_columns(display: Display, lead: list[SeriesBlock], ask: AskSeries) -> Display:
    labels, histograms = set[str](), False
    with _asked(ask) as reader:
        for block in chain(lead, reader.blocks()):
            labels.update(*block.metrics)
            histograms = histograms or bool(block.histograms)
    return evolve(display, labels=tuple(sorted(labels)), histograms=histograms)


@contextmanager
def _asked(ask: AskSeries) -> Iterator[AnswerReader]:
    try:
        with ask() as reader:
            yield reader
    except (QueryError, DownstreamServerError) as error:
        raise LimitExceededError(
            f"The answer is too large to be read at once, and its series cannot be asked for: {error} "
            "Use the layout multi, a larger step or an aggregation."
        ) from error


def _together(tails: Sequence[AnswerTail], others: int) -> AnswerTail:
    """What the server said of the slices, each text once; the statistics of one slice say nothing."""
    warnings = list(dict.fromkeys(chain.from_iterable(tail.warnings for tail in tails)))
    if others:
        warnings.append(f"{others} series are left out that had no sample when the answer began.")
    infos = dict.fromkeys(chain.from_iterable(tail.infos for tail in tails))
    return AnswerTail(tails[-1].result_type, warnings=tuple(warnings), infos=tuple(infos))
