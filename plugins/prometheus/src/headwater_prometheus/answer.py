"""Answers of the query API, read in pieces of whole series so that memory stays bounded.

The document is `{"status": …, "data": {"resultType": …, "result": [series, …]}, "warnings": […]}`. Between
two series of a compact answer stands `,{"metric":`, and nowhere else: inside a JSON string its quotes would
be escaped. So the text can be cut there, each piece decoded by itself, and the first bytes together with the
last piece are a small document that carries everything else. An answer of another form (indented, keys in
another order) is read whole.

Nothing is kept that is not bounded: pieces, what is read whole, a single series, what surrounds the series.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from headwater.errors import LimitExceededError

from .document import AnswerTail, decode_answer, split_series
from .series import SeriesBlock

PIECE_BYTES = 4 * 1024 * 1024
MAX_SERIES_BYTES = 96 * 1024 * 1024
"""Of the text of one series: five million samples."""
MAX_WHOLE_BYTES = 16 * 1024 * 1024
"""Of an answer, or a rest of one, that is decoded at once, which takes many times the memory of its text."""

_FIRST_SERIES = b'"result":[{"metric":'
_NEXT_SERIES = b',{"metric":'
_VALUES = b'"values":['
_HEAD_BYTES = 64 * 1024
_LABEL_BYTES = 1024 * 1024


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

    def blocks(self) -> Generator[SeriesBlock, None, None]:
        """The series as they arrive. One helper thread turns samples into numbers, which leaves Python free
        to split the next piece meanwhile; a small answer needs no thread.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="headwater-prometheus-decode") as helper:
            pending: Future[SeriesBlock] | None = None
            for piece in self._pieces():
                started = helper.submit(split_series(b"[%b]" % piece).decode)
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


def _head_of(buffer: bytearray) -> bytes:
    """Everything before the first series, empty if the answer cannot be cut: the series are those of `data`,
    not of something within it."""
    start = buffer.find(_FIRST_SERIES, 0, _HEAD_BYTES)
    if start < 0 or buffer.count(b"{", 0, start) != 2:
        return b""
    return bytes(buffer[: start + len(b'"result":[')])


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
