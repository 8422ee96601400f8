"""A stream of record batches that can be closed, cancelled and limited, and that keeps its typed error.

`pa.RecordBatchReader` does neither: closing it leaves the generator behind it running, and an
exception raised there reaches an Arrow consumer as ArrowInvalid without its type.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from headwater.errors import QueryCanceledError

from .errors import FrameError, StreamClosedError
from .frame import Frame
from .limits import value_bytes, within_limits
from .meta import FrameMeta, Notice
from .schema import describe_schema, read_schema

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT_BATCH_ROWS = 65_536


class FrameStream:
    """Record batches of one frame, produced while they are read.

    One thread reads; any thread may `close` or `cancel`. If that happens while the producer works,
    the reading thread closes the producer as soon as it returns. Reading past the end raises StopIteration;
    reading after `close` raises StreamClosedError and after `cancel` QueryCanceledError, so that a cut
    result is never taken for a whole one. `on_close` runs exactly once: at the end, after an error or on
    `close`.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        *,
        name: str = "",
        ref_id: str = "",
        meta: FrameMeta | None = None,
        on_close: Callable[[], object] | None = None,
        on_cancel: Callable[[], object] | None = None,
    ) -> None:
        self._lock = threading.Lock()  # guards the flags below; not held while a batch is made
        self._reading = self._started = self._exhausted = self._closed = self._cancelled = self._released = (
            False
        )
        self._batches: Iterator[pa.RecordBatch] = iter(batches)
        self._on_close = on_close
        self._on_cancel = on_cancel
        self._fields = schema
        self._why_cancelled = ""
        self.name = name
        self.ref_id = ref_id
        self.meta = meta
        #: What the producer raised. Arrow consumers of `__arrow_c_stream__` see ArrowInvalid: look here.
        self.error: Exception | None = None
        #: Whether a limit cut the stream short.
        self.truncated: bool = False
        #: Rows and bytes read so far.
        self.rows: int = 0
        self.bytes: int = 0
        self._latest_bytes = 0

    @classmethod
    def from_frame(cls, frame: Frame, *, batch_rows: int = DEFAULT_BATCH_ROWS) -> Self:
        """`frame` in batches of at most `batch_rows` rows."""
        batches = frame.table.to_batches(max_chunksize=batch_rows)
        return cls(frame.schema, batches, name=frame.name, ref_id=frame.ref_id, meta=frame.meta)

    @classmethod
    def from_reader(
        cls,
        reader: pa.RecordBatchReader,
        *,
        name: str | None = None,
        ref_id: str | None = None,
        meta: FrameMeta | None = None,
        on_close: Callable[[], object] | None = None,
        on_cancel: Callable[[], object] | None = None,
    ) -> Self:
        """A stream that owns `reader` and closes it. What is not given comes from the reader's schema.

        :raises FrameDecodeError: the schema's metadata is malformed.
        """
        own_name, own_ref_id, own_meta = read_schema(reader.schema)
        return cls(
            reader.schema,
            _read(reader),
            name=own_name if name is None else name,
            ref_id=own_ref_id if ref_id is None else ref_id,
            meta=own_meta if meta is None else meta,
            on_close=on_close,
            on_cancel=on_cancel,
        )

    @property
    def schema(self) -> pa.Schema:
        """The batches' schema, with the current name, ref id and meta in its metadata."""
        return describe_schema(self._fields, self.name, self.ref_id, self.meta)

    @property
    def closed(self) -> bool:
        """Whether nothing can be read any more: ended, failed, closed or cancelled."""
        return self._closed

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` ended it."""
        return self._cancelled

    @property
    def exhausted(self) -> bool:
        """Whether the producer has come to its own end."""
        return self._exhausted

    def add_notice(self, notice: Notice) -> None:
        """Add something to say about the rows to the meta."""
        self.meta = (self.meta or FrameMeta()).with_notice(notice)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        """:raises HeadwaterError: whatever the producer raises; also kept as `error`."""
        self._begin_read()
        try:
            batch = self._checked(next(self._batches))
        except StopIteration:
            self._exhausted = self._closed = True
            raise
        except BaseException as error:
            self._closed = True
            if isinstance(error, Exception):
                self.error = error
            raise
        finally:
            self._end_read()
        self.rows += batch.num_rows
        self._latest_bytes = value_bytes(batch)
        self.bytes += self._latest_bytes
        return batch

    def close(self) -> None:
        """End the producer and release what it holds. Safe from any thread, any number of times."""
        with self._lock:
            self._closed = True
            if self._reading:  # a running generator cannot be closed: the reading thread will do it
                return
        self._release()

    def cancel(self, reason: str = "the query was cancelled") -> None:
        """Tell the data source to stop (`on_cancel`, once), then close. Nothing once the stream has ended.

        `reason` is the message of the QueryCanceledError that later readers get.
        """
        with self._lock:
            if self._closed:
                return
            self._cancelled, self._why_cancelled = True, reason
        try:
            if self._on_cancel is not None:
                self._on_cancel()
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self.__dict__.get("_released", True) or not (self._started or self._on_close):
            return
        warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
        self.close()

    def read_all(self) -> Frame:
        """All that is left, as one frame, without limits; closes the stream."""
        return self.collect()

    def collect(self, max_rows: int | None = None, max_bytes: int | None = None) -> Frame:
        """What is left, up to the limits, as one frame; closes the stream.

        A limit that cuts rows off adds a warning notice to the frame's meta and sets `truncated`.
        `max_bytes` counts the bytes of Arrow values.
        """
        batches = []
        with self:
            for part, limit in within_limits(self, max_rows, max_bytes, lambda _latest: self._latest_bytes):
                batches.append(part)
                if limit:
                    self._cut(sum(each.num_rows for each in batches), limit)
        return Frame(pa.Table.from_batches(batches, self._fields), self.name, self.ref_id, self.meta)

    def limited(self, max_rows: int | None = None, max_bytes: int | None = None) -> FrameStream:
        """A stream of the same batches that ends at a limit; closing it closes this one.

        At a limit that cuts rows off, its `truncated` is set and a warning notice is added to its `meta`.
        """

        def batches() -> Generator[pa.RecordBatch, None, None]:
            rows = 0
            for part, limit in within_limits(self, max_rows, max_bytes, lambda _latest: self._latest_bytes):
                limited.meta = self.meta
                rows += part.num_rows
                if part.num_rows or not limit:
                    yield part
                if limit:
                    limited._cut(rows, limit)
                    return
            limited.meta = self.meta

        limited = FrameStream(
            self.schema,
            batches(),
            name=self.name,
            ref_id=self.ref_id,
            meta=self.meta,
            on_close=self.close,
            on_cancel=self.cancel,
        )
        return limited

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._drain())
        return reader.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        title = "".join(f" {part}" for part in (self.name and repr(self.name), self.ref_id) if part)
        state = "cancelled" if self._cancelled else "ended" if self._closed else "open"
        return f"<FrameStream{title}: {len(self._fields)} columns, {self.rows:,} rows read, {state}>"

    def _cut(self, rows: int, limit: str) -> None:
        self.truncated = True
        self.add_notice(Notice.of_limit(rows, limit))

    def _begin_read(self) -> None:
        with self._lock:
            if self._reading:
                raise FrameError("the stream is already being read by another thread, or by its own producer")
            if self._exhausted:
                raise StopIteration
            if self._cancelled:
                raise QueryCanceledError(self._why_cancelled)
            if self._closed:
                if self.error is not None:
                    raise self.error
                raise StreamClosedError("the stream has been closed")
            self._reading = self._started = True

    def _end_read(self) -> None:
        with self._lock:
            self._reading = False
            ended = self._closed
        if ended:
            self._release()

    def _checked(self, batch: Any) -> pa.RecordBatch:
        if not isinstance(batch, pa.RecordBatch):
            raise FrameError(f"the producer yielded {type(batch).__name__} instead of a RecordBatch")
        if not batch.schema.equals(self._fields):
            raise FrameError(
                f"the producer yielded a batch of another schema: {_difference(self._fields, batch.schema)}"
            )
        return batch

    def _release(self) -> None:
        with self._lock:
            if self._released:
                return
            self._released = True
        try:
            close = getattr(self._batches, "close", None)
            if close is not None:
                close()
        finally:
            if self._on_close is not None:
                self._on_close()

    def _drain(self) -> Generator[pa.RecordBatch, None, None]:
        try:
            yield from iter(self.__next__, None)
        finally:
            self.close()


def _read(reader: pa.RecordBatchReader) -> Generator[pa.RecordBatch, None, None]:
    try:
        yield from reader
    finally:
        reader.close()


def _difference(declared: pa.Schema, got: pa.Schema) -> str:
    if len(declared) != len(got):
        return f"{len(got)} columns instead of {len(declared)}"
    pairs = zip(declared, got, strict=True)
    others = (f"column {theirs} instead of {ours}" for ours, theirs in pairs if not ours.equals(theirs))
    return next(others, "another byte order")
