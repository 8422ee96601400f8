"""Read an HTTP body as an Arrow stream, and never mistake its end.

pyarrow takes a body that is cut between two messages for a whole one, and an exception text for nonsense. So
what it read last is kept, and looked at when it stops. It also makes room for whatever a message declares, so
each is looked at before it goes on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headwater.errors import DownstreamProtocolError, HeadwaterError, LimitExceededError
from headwater.frames import (
    MAX_METADATA_BYTES,
    FrameDecodeError,
    FrameTooLargeError,
    arrow_body_length,
    check_arrow_message,
)

from .errors import server_error

if TYPE_CHECKING:
    from headwater.sdk.http import HttpResponse

#: A small answer is read at once; of a large one so much is copied per message.
_AHEAD = 64 << 10
_CONTINUATION = b"\xff\xff\xff\xff"
_END = _CONTINUATION + bytes(4)
#: A block of ClickHouse has some MiB.
_BLOCK_BYTES = 512 << 20
_BLOCK_ROWS = 1 << 31
#: How far behind a message that makes no sense the server's explanation is looked for.
_SEARCHED = 1 << 20
#: ClickHouse cuts exception texts at 16 KiB.
_TAIL = 32 * 1024
_FRAME = b"\r\n__exception__\r\n"
_UNTAGGED = re.compile(rb"Code: \d+\. DB::Exception: .*", re.DOTALL)


class ArrowBody(io.RawIOBase):
    """The body as the file that `pyarrow.ipc.open_stream` reads.

    Where the connection fails, reading ends early and the failure waits in `problem`, because the bytes
    before it may hold the server's own explanation.
    """

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        #: None once there is no more to come: nothing that Arrow's reader holds shall hold a call's objects.
        self._response: HttpResponse | None = response
        self._rest = memoryview(b"")
        self._tail = b""
        self._tag = response.headers.get("X-ClickHouse-Exception-Tag", "").encode()
        self._failure: HeadwaterError | None = None
        self._short = False
        #: Bytes until the next message begins, and what this one tells of its body.
        self._ahead = 0
        self._metadata = b""
        self._has_body = False
        self.empty = True
        #: Whether Arrow's end of the stream has been read.
        self.ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> memoryview:
        """`size` bytes, fewer only at the end."""
        wanted = 1 << 62 if size is None or size < 0 else size
        try:
            if self._ahead == 0:
                self._announce()
            taken = self._take_ahead(wanted)
        except FrameDecodeError as error:
            self._failure, self._short, self._ahead = _refused(error), True, 0
            return memoryview(b"")  # the end, as far as pyarrow can see
        if len(taken) < wanted:
            self._short = True
        self.empty = self.empty and not taken
        return taken

    def _take_ahead(self, size: int) -> memoryview:
        """As `_take`, within the message. Its body is taken at once, and checked."""
        allowed = min(size, self._ahead)
        taken = self._take(allowed)
        self._ahead -= len(taken)
        self._remember(taken)
        if self._ahead == 0 and self._metadata:
            body = taken if self._has_body else memoryview(b"")
            check_arrow_message(memoryview(self._metadata), body, _BLOCK_BYTES, _BLOCK_ROWS)
        return taken

    def _announce(self) -> None:
        """Look at the message that begins here. Where none does, nothing is allowed to be read."""
        self._metadata = b""
        self._fill(8)
        prefix = bytes(self._rest[:8])
        if len(prefix) < 8 or not prefix.startswith(_CONTINUATION):
            return
        length = int.from_bytes(prefix[4:], "little", signed=True)
        if not 0 <= length <= MAX_METADATA_BYTES:
            raise FrameDecodeError("a message declares an impossible length")
        self._ahead = 8 + length
        self._fill(self._ahead)
        metadata = bytes(self._rest[8 : self._ahead])
        if length and len(metadata) == length:
            self._metadata = metadata
            body = arrow_body_length(memoryview(metadata))
            if body > _BLOCK_BYTES:
                raise FrameTooLargeError(f"a block declares {body} bytes; the limit is {_BLOCK_BYTES}")
            self._has_body = body > 0
            self._ahead += body

    def whole(self) -> pa.Buffer | None:
        """The stream to its end mark, checked as `read` does, if it is there: a small answer comes in one
        piece, and reads itself many times faster so. None for a longer one, and for one that is damaged.
        """
        at = 0
        while bytes(self._rest[at : at + 8]) != _END:
            metadata_at = at + 8
            length = int.from_bytes(self._rest[at + 4 : metadata_at], "little")
            metadata = self._rest[metadata_at : metadata_at + length]
            if self._rest[at : at + 4] != _CONTINUATION or not 0 < length == len(metadata):
                return None
            try:
                at = metadata_at + length + arrow_body_length(metadata)
                if at > len(self._rest):
                    return None
                body = self._rest[metadata_at + length : at]
                check_arrow_message(metadata, body, _BLOCK_BYTES, _BLOCK_ROWS)
            except FrameDecodeError:
                return None
        taken, self._rest = self._rest[: at + 8], self._rest[at + 8 :]
        self._remember(taken)
        self.empty = False
        return pa.py_buffer(taken)

    def starts_with(self, mark: bytes) -> bool:
        """Whether the bytes to be read next are `mark`."""
        if len(self._rest) < len(mark):
            self._fill(len(mark))
        return bytes(self._rest[: len(mark)]) == mark

    def holds_exception(self) -> bool:
        """Whether what was read last announces an exception of the server. Its tag is new for each query."""
        return bool(self._tag) and _FRAME + self._tag in self._tail

    def problem(self) -> HeadwaterError | None:
        """What went wrong, after pyarrow has stopped; None for a stream that came to its regular end.

        Reads what is left of the body, within reason. A failure of the connection is told once.
        """
        ended_early = self._short
        self._remember(self._rest)
        searched = len(self._rest)
        self._rest = memoryview(b"")
        buffer = _buffer(_AHEAD)
        while searched <= _SEARCHED and (count := self._receive(buffer)):
            self._remember(buffer[:count])
            searched += count
        # Kept, it would keep itself: it knows the frames whose reader holds this body, and a garbage
        # collector does not see through Arrow's reader.
        failure, self._failure = self._failure, None
        if text := self._exception_text():
            return server_error(text)
        if failure is not None:
            return failure
        return truncated() if ended_early else None

    def _exception_text(self) -> str | None:
        if self._tag:
            opening = _FRAME + self._tag + b"\r\n"
            start = self._tail.rfind(opening)
            if start < 0:
                return None
            text = self._tail[start + len(opening) :]
            closing = re.search(rb"\n\d+ " + re.escape(self._tag) + re.escape(_FRAME) + rb"\Z", text)
            return (text[: closing.start()] if closing else text).decode("utf-8", "replace")
        # Servers before 25.11 write the bare text. It only counts once reading has failed.
        match = _UNTAGGED.search(self._tail)
        return match[0].decode("utf-8", "replace") if match and self._short else None

    def _remember(self, data: memoryview) -> None:
        if len(data) >= _TAIL:
            self._tail = bytes(data[-_TAIL:])
        elif data:
            self._tail = (self._tail + bytes(data))[-_TAIL:]

    def _take(self, size: int) -> memoryview:
        """`size` bytes, fewer only at the end. What is not here yet is read to where it will stay."""
        if len(self._rest) < size:
            whole = _buffer(size)
            have = self._read_into(whole, size)
            return whole[:have]
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _fill(self, size: int) -> None:
        """Have `size` bytes ahead, fewer only at the end."""
        if len(self._rest) < size:
            ahead = _buffer(max(size, _AHEAD))
            self._rest = ahead[: self._read_into(ahead, size)]

    def _read_into(self, buffer: memoryview, least: int) -> int:
        """What is ahead, and then what comes until there are `least` bytes; how many there are."""
        have = len(self._rest)
        buffer[:have] = self._rest
        self._rest = memoryview(b"")
        while have < least and (count := self._receive(buffer[have:])):
            have += count
        return have

    def _receive(self, buffer: memoryview) -> int:
        """How many bytes have come; none at the end. A failure waits for `problem`."""
        if self._response is None:
            return 0
        try:
            count = self._response.readinto(buffer)
        except HeadwaterError as error:
            self._failure = error
            count = 0
        if count == 0:
            self._response = None
        return count


def _buffer(size: int) -> memoryview:
    """Memory that nobody has to clear first, and that costs nothing before it is used."""
    return np.empty(size, np.uint8).data


def _refused(error: FrameDecodeError) -> HeadwaterError:
    if isinstance(error, FrameTooLargeError):
        return LimitExceededError(
            f"A block of the answer is too large: {error}. Select less per row, or set max_block_size."
        )
    return DownstreamProtocolError(f"The answer of ClickHouse is damaged: {error}.")


def truncated() -> DownstreamProtocolError:
    return DownstreamProtocolError(
        "The answer of ClickHouse ended before its end: the server, or a proxy in between, cut it off.",
        retryable=True,
    )


def read_batches(reader: pa.RecordBatchStreamReader, body: ArrowBody) -> Iterator[pa.RecordBatch]:
    """The reader's batches. Raises the server's exception, or DownstreamProtocolError for a cut stream."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            body.ended = True
            if (problem := body.problem()) is not None:
                raise problem from None
            return
        except (pa.ArrowException, OSError, ValueError) as error:
            raise (body.problem() or truncated()) from error
        if body.holds_exception() and (problem := body.problem()) is not None:
            # The server stopped within this batch, and what follows has been read as its values.
            raise problem
        yield batch
