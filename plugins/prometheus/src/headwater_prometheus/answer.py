"""Answers of the query API, read in pieces of whole series so that memory stays bounded.

The document is `{"status": …, "data": {"resultType": …, "result": [series, …]}, "warnings": […]}`. Between
two series of a compact answer stands `,{"metric":`, and nowhere else: inside a JSON string its quotes would
be escaped. So the text can be cut there, each piece decoded by itself, and the first bytes together with the
last piece are a small document that carries everything else. An answer of another form (indented, keys in
another order) is read whole.

Nothing is kept that is not bounded: pieces, what is read whole, a single series, what surrounds the series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import msgspec
import numpy as np
from attrs import evolve, field, frozen

from headwater.errors import DownstreamProtocolError, LimitExceededError
from headwater.sdk.http import excerpt

from .samples import (
    Float64Array,
    Int64Array,
    count_samples,
    cut_samples,
    decode_number,
    decode_samples,
    millisecond,
)

PIECE_BYTES = 4 * 1024 * 1024
MAX_SERIES_BYTES = 96 * 1024 * 1024
"""Of the text of one series: five million samples."""
MAX_WHOLE_BYTES = 16 * 1024 * 1024
"""Of an answer, or a rest of one, that is decoded at once, which takes many times the memory of its text."""
_MAX_REPORT_BYTES = 256 * 1024
"""Of the warnings, the infos, and the statistics."""
_MAX_REPORTS = 100

_FIRST_SERIES = b'"result":[{"metric":'
_NEXT_SERIES = b',{"metric":'
_VALUES = b'"values":['
_HEAD_BYTES = 64 * 1024
_LABEL_BYTES = 1024 * 1024

Labels: TypeAlias = dict[str, str]


class Histogram(msgspec.Struct):
    """A native histogram as the API writes it: numbers as text; buckets are (boundaries, low, high, count).

    Boundaries: 0 = open left, 1 = open right, 2 = open both, 3 = closed both.
    """

    count: str
    sum: str
    buckets: list[tuple[int, str, str, str]] = []


class _Series(msgspec.Struct):
    metric: Labels
    values: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    histograms: list[tuple[float, Histogram]] | None = None
    histogram: tuple[float, Histogram] | None = None


class _Data(msgspec.Struct, rename="camel"):
    result_type: str = ""
    result: msgspec.Raw = msgspec.Raw(b"[]")
    stats: msgspec.Raw = msgspec.Raw(b"null")


class _Document(msgspec.Struct, rename="camel"):
    status: str = ""
    data: _Data | None = None
    error_type: str = ""
    error: str = ""
    warnings: msgspec.Raw = msgspec.Raw(b"[]")
    infos: msgspec.Raw = msgspec.Raw(b"[]")
    stats: msgspec.Raw = msgspec.Raw(b"null")
    is_partial: bool = False


_documents = msgspec.json.Decoder(_Document)
_series = msgspec.json.Decoder(list[_Series])
_scalars = msgspec.json.Decoder(tuple[float, str])
_texts = msgspec.json.Decoder(list[str] | None)
_anything = msgspec.json.Decoder()

#: What decoding a text that is not what it should be raises; nesting that is too deep is a RecursionError.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@frozen
class HistogramSample:
    """`index` is the series' place in its block; `time` is milliseconds since the epoch."""

    index: int
    time: int
    histogram: Histogram


@frozen
class SeriesBlock:
    """Consecutive series: the samples of all of them in two arrays, `counts` telling them apart.

    `times` are milliseconds since the epoch. A series may have samples, histograms, or both. `is_vector`
    tells the single samples of an instant from the ranges of a matrix.
    """

    metrics: list[Labels]
    counts: list[int]
    times: Int64Array
    values: Float64Array
    histograms: list[HistogramSample] = field(factory=list)
    is_vector: bool = False

    @classmethod
    def empty(cls, *, is_vector: bool = False) -> SeriesBlock:
        return cls([], [], np.empty(0, np.int64), np.empty(0, np.float64), is_vector=is_vector)

    @property
    def num_rows(self) -> int:
        return len(self.times) + len(self.histograms)

    def head(self, rows: int) -> SeriesBlock:
        """The first `rows` samples, and histograms as far as they fit in then; whole series after them go."""
        counts, left = list[int](), min(rows, len(self.times))
        for count in self.counts:
            if left == 0 and count:
                break
            counts.append(min(count, left))
            left -= counts[-1]
        samples = sum(counts)
        histograms = [each for each in self.histograms if each.index < len(counts)][: rows - samples]
        return evolve(
            self,
            metrics=self.metrics[: len(counts)],
            counts=counts,
            times=self.times[:samples],
            values=self.values[:samples],
            histograms=histograms,
        )


@frozen
class AnswerTail:
    """What an answer says besides its series. `scalar` is (milliseconds, text) of a scalar or string."""

    result_type: str
    scalar: tuple[int, str] | None = None
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Any = None


class ServerReportError(Exception):
    """The document says `"status": "error"`; the caller knows the HTTP status that goes with it."""

    def __init__(self, error_type: str, error: str) -> None:
        super().__init__(error)
        self.error_type = error_type
        self.error = error


class AnswerReader:
    """Reads one answer from pieces of its body. Iterate `blocks` to the end, then ask for `tail`.

    Raises DownstreamProtocolError for anything that is not an answer of the query API, and
    LimitExceededError when a part that has to be held at once outgrows `MAX_WHOLE_BYTES`, or a series of
    samples `MAX_SERIES_BYTES`.
    """

    def __init__(self, chunks: Iterable[bytes], *, piece_bytes: int | None = None) -> None:
        self._chunks = chunks
        self._piece_bytes = piece_bytes or PIECE_BYTES
        self._rest = bytearray()
        self.tail = AnswerTail("")

    def blocks(self) -> Iterator[SeriesBlock]:
        """The series as they arrive. One helper thread turns samples into numbers, which leaves Python free
        to split the next piece meanwhile; a small answer needs no thread.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="headwater-prometheus-decode") as helper:
            pending: Future[SeriesBlock] | None = None
            for piece in self._pieces():
                started = helper.submit(_split_series(b"[%b]" % piece).decode)
                if pending is not None:
                    yield pending.result()
                pending = started
            if pending is not None:
                yield pending.result()
        block, self.tail = decode_answer(self._rest)
        if block.metrics:
            yield block

    def _pieces(self) -> Iterator[bytes]:
        """Whole series, comma between them. What is left with the head forms a document: `_rest`."""
        buffer = self._rest
        head = b""
        searched = 0
        for chunk in self._chunks:
            buffer += chunk
            if len(buffer) < self._piece_bytes:
                continue
            if not head:
                head = _head_of(buffer)
                del buffer[: len(head)]
            if head and (piece := _cut(buffer, searched)):
                yield piece
            _refuse_excess(buffer)
            searched = len(buffer)
        _refuse_excess(buffer, ended=True)
        buffer[:0] = head


def decode_answer(document: bytes | bytearray) -> tuple[SeriesBlock, AnswerTail]:
    """A whole document. Raises ServerReportError if it reports one, DownstreamProtocolError if it is none."""
    try:
        parsed = _documents.decode(document)
    except DECODE_ERRORS as error:
        raise _not_an_answer(document, error) from error
    if parsed.status == "error":
        raise ServerReportError(parsed.error_type, parsed.error)
    if parsed.status != "success" or parsed.data is None:
        raise DownstreamProtocolError('The answer is JSON, but has no "status" and "data" of the query API.')
    data = parsed.data
    warnings = _reports(parsed.warnings, "warnings")
    if parsed.is_partial:
        warnings.append("The server says that this answer is partial.")
    scalar = _scalar(data) if data.result_type in {"scalar", "string"} else None
    series = msgspec.Raw(b"[]") if bytes(data.result) == b"null" else data.result
    block = decode_block(series) if scalar is None else SeriesBlock.empty()
    stats = _stats(data.stats, warnings) or _stats(parsed.stats, warnings)
    tail = AnswerTail(
        data.result_type or ("vector" if block.is_vector else "matrix"),
        scalar,
        tuple(warnings),
        tuple(_reports(parsed.infos, "infos")),
        stats,
    )
    return block, tail


def decode_block(series: bytes | msgspec.Raw) -> SeriesBlock:
    """A JSON array of series, of a matrix or a vector."""
    return _split_series(series).decode()


@frozen
class _SplitSeries:
    """Series whose samples are still text: `texts` of those that have any, `counts` of all."""

    metrics: list[Labels]
    counts: list[int]
    texts: list[bytes]
    histograms: list[HistogramSample]
    is_vector: bool

    def decode(self) -> SeriesBlock:
        times, values = decode_samples(self.texts)
        if len(times) != sum(self.counts):
            raise DownstreamProtocolError("The answer holds a sample that is not a time and a number.")
        return SeriesBlock(self.metrics, self.counts, times, values, self.histograms, self.is_vector)


def _split_series(series: bytes | msgspec.Raw) -> _SplitSeries:
    try:
        parsed = _series.decode(series)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds a malformed series: {error}.") from error
    texts: list[bytes] = []
    counts: list[int] = []
    histograms: list[HistogramSample] = []
    for index, one in enumerate(parsed):
        count = 0
        if one.values is not msgspec.UNSET:
            parts = cut_samples(one.values)
            count = count_samples(parts)
            texts += parts
        elif one.value is not msgspec.UNSET:
            count = 1
            texts.append(bytes(one.value))
        counts.append(count)
        if one.histograms or one.histogram is not None:
            samples = [*(one.histograms or ()), *((one.histogram,) if one.histogram is not None else ())]
            histograms += [HistogramSample(index, millisecond(time), each) for time, each in samples]
    is_vector = any(one.value is not msgspec.UNSET or one.histogram is not None for one in parsed)
    return _SplitSeries([one.metric for one in parsed], counts, texts, histograms, is_vector)


class RowLimit:
    """Lets `max_rows` samples through, native histograms counted, and says whether there were more."""

    def __init__(self, max_rows: int | None) -> None:
        self.max_rows = max_rows
        self._left = max_rows
        self.reached = False

    def apply(self, blocks: Iterable[SeriesBlock]) -> Iterator[SeriesBlock]:
        for block in blocks:
            if self._left is None or block.num_rows <= self._left:
                self._left = None if self._left is None else self._left - block.num_rows
                yield block
                continue
            self.reached = True
            if self._left:
                yield block.head(self._left)
            return


def collect(blocks: Iterable[SeriesBlock]) -> SeriesBlock:
    """All `blocks` as one."""
    collected = list(blocks)
    if len(collected) == 1:
        return collected[0]
    return _concatenate(collected) if collected else SeriesBlock.empty()


def _concatenate(blocks: list[SeriesBlock]) -> SeriesBlock:
    histograms: list[HistogramSample] = []
    offset = 0
    for block in blocks:
        histograms += [HistogramSample(h.index + offset, h.time, h.histogram) for h in block.histograms]
        offset += len(block.metrics)
    return SeriesBlock(
        [metric for block in blocks for metric in block.metrics],
        [count for block in blocks for count in block.counts],
        np.concatenate([block.times for block in blocks]),
        np.concatenate([block.values for block in blocks]),
        histograms,
        blocks[0].is_vector,
    )


def _head_of(buffer: bytearray) -> bytes:
    """Everything before the first series, empty if the answer cannot be cut."""
    start = buffer.find(_FIRST_SERIES, 0, _HEAD_BYTES)
    return bytes(buffer[: start + len(b'"result":[')]) if start >= 0 else b""


def _cut(buffer: bytearray, searched: int) -> bytes:
    """Take all series but the last, which may be incomplete, out of `buffer`, where none ends before
    `searched`."""
    end = buffer.rfind(_NEXT_SERIES, max(0, searched - len(_NEXT_SERIES)))
    if end < 0:
        return b""
    piece = bytes(memoryview(buffer)[:end])
    del buffer[: end + 1]
    return piece


def _refuse_excess(buffer: bytearray, *, ended: bool = False) -> None:
    """Only the samples of one series may take more than `MAX_WHOLE_BYTES`: they are decoded part by part."""
    if len(buffer) <= MAX_WHOLE_BYTES:
        return
    is_series = buffer.find(_VALUES, 0, _LABEL_BYTES) > 0 and not (ended and buffer.count(b'"metric"') > 1)
    limit = MAX_SERIES_BYTES if is_series else MAX_WHOLE_BYTES
    if len(buffer) > limit:
        raise LimitExceededError(
            f"A part of the answer that has to be read at once is larger than {limit} bytes. "
            "Use a larger step, a shorter range or an aggregation."
        )


def _reports(raw: msgspec.Raw, name: str) -> list[str]:
    """Warnings or infos; of very many or very long ones their number or beginning."""
    text = memoryview(raw)
    if len(text) > _MAX_REPORT_BYTES:
        return [f"The server's {name} are left out: they take {len(text)} bytes."]
    try:
        reports = _texts.decode(text) or []
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds malformed {name}.") from error
    shown = [excerpt(each) for each in reports[:_MAX_REPORTS]]
    more = len(reports) - len(shown)
    return [*shown, f"and {more} more {name}"] if more else shown


def _stats(raw: msgspec.Raw, warnings: list[str]) -> Any:
    text = memoryview(raw)
    if len(text) > _MAX_REPORT_BYTES:
        warnings.append(f"The server's statistics are left out: they take {len(text)} bytes.")
        return None
    try:
        return _anything.decode(text)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError("The answer holds malformed statistics.") from error


def _scalar(data: _Data) -> tuple[int, str]:
    try:
        seconds, text = _scalars.decode(data.result)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds a malformed {data.result_type}.") from error
    if data.result_type == "scalar":
        decode_number(text)
    return millisecond(seconds), text


def _not_an_answer(document: bytes | bytearray, error: Exception) -> DownstreamProtocolError:
    start = bytes(document[:512]).lstrip()
    if not start:
        return DownstreamProtocolError("The answer is empty.")
    if start.startswith(b"<"):
        return DownstreamProtocolError("The answer is HTML or XML, not JSON; is the data source's URL right?")
    if not start.startswith(b"{"):
        return DownstreamProtocolError("The answer is not JSON; is the data source's URL right?")
    return DownstreamProtocolError(f"The answer is not complete JSON ({error}).")
