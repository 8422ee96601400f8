"""A streamed HTTP answer: bounded, cancellable, with typed errors."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from headwater.calls.context import CallContext
from headwater.errors import (
    DownstreamAuthError,
    DownstreamError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    LimitExceededError,
)

from .chunked import ChunkedBody
from .failures import TRANSPORT_ERRORS, translate
from .words import words_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from urllib3 import BaseHTTPResponse

    from headwater.calls.context import CancelRegistration

    from .cancellation import SocketCanceller

_ERROR_BODY = 64 * 1024
_CHUNK = 256 * 1024


class HttpResponse:
    """Status and headers are there; the body comes as it is read. Close it, or use it in a `with` block.

    Closing an answer that is not read to its end closes the connection, which tells the server to stop.
    The body is decoded (gzip, deflate, zstd) and counted after decoding.
    """

    def __init__(
        self,
        response: BaseHTTPResponse,
        *,
        origin: str,
        url: str,
        context: CallContext | None,
        canceller: SocketCanceller,
        registration: CancelRegistration | None,
        max_bytes: int | None,
    ) -> None:
        self._response = response
        self._origin = origin
        self.url: str = url  # after redirects; may hold credentials
        self._context = context
        self._canceller = canceller
        self._registration = registration
        self._max_bytes = max_bytes
        self._ended = False
        self._body: ChunkedBody | _Pieces | None = None
        self._error_body: bytes | None = None
        self.bytes_read: int = 0
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    def stream_chunks(self, size: int = _CHUNK, *, limit: int | None = None) -> Generator[bytes, None, None]:
        """The decoded body in pieces of at most about `size` bytes.

        Raises LimitExceededError past `limit` bytes (default: the request's `max_bytes`), a Downstream*
        error when the connection fails, and the call's own error when it is cancelled.
        """
        bound = self._max_bytes if limit is None else limit
        try:
            for chunk in self._response.stream(size, decode_content=True):
                if self._context is not None:
                    # A few bytes may decode to any number: no wait for the socket comes between the pieces.
                    self._context.check()
                self.bytes_read += len(chunk)
                self._check_size(bound)
                yield chunk
            if self._context is not None:
                # A shutdown of the socket may look like a regular end of the body.
                self._context.check()
            self._ended = True
        except TRANSPORT_ERRORS as error:
            raise translate(error, self._origin, self._context) from error
        finally:
            self.close()

    def readinto(self, buffer: memoryview) -> int:
        """The decoded bytes that come next, at least one, into `buffer`; their number is 0 at the end.

        Raises as `stream_chunks` does, which makes an object of each piece; call one of them only.
        """
        if self._body is None:
            self._body = self._open_body()
        try:
            count = self._body.readinto(buffer)
            if self._context is not None:
                self._context.check()
            self.bytes_read += count
            self._check_size(self._max_bytes)
        except TRANSPORT_ERRORS as error:
            self.close()
            raise translate(error, self._origin, self._context) from error
        except BaseException:
            self.close()
            raise
        if count == 0:
            self._ended = True
            self.close()
        return count

    def _open_body(self) -> ChunkedBody | _Pieces:
        answer = self._canceller.answer
        encoded = self.headers.get("content-encoding", "identity").lower() != "identity"
        if answer is None or answer.isclosed() or not answer.chunked or encoded:
            return _Pieces(self._response.stream(_CHUNK, decode_content=True))
        return ChunkedBody(answer)

    def _check_size(self, bound: int | None) -> None:
        if bound is not None and self.bytes_read > bound:
            raise LimitExceededError(
                f"The answer of {self._origin} is larger than the response limit of {bound} bytes."
            )

    def read(self, limit: int | None = None) -> bytes:
        """The whole decoded body; raises as `stream_chunks` does."""
        return b"".join(self.stream_chunks(limit=limit))

    @property
    def raw(self) -> BodyReader:
        """The decoded body as a binary file object, for instance for `pyarrow.ipc.open_stream`."""
        return BodyReader(self)

    def error_body(self) -> bytes:
        """The first 64 KiB of the body of an error, as far as it comes. Ends the answer; may be repeated."""
        if self._error_body is None:
            collected = bytearray()
            # An answer that breaks off has still told its status.
            with (
                contextlib.suppress(DownstreamError),
                closing(self.stream_chunks(_ERROR_BODY, limit=2 * _ERROR_BODY)) as chunks,
            ):
                for chunk in chunks:
                    collected += chunk
                    if len(collected) >= _ERROR_BODY:
                        break
            self._error_body = bytes(collected[:_ERROR_BODY])
        return self._error_body

    def excerpt(self) -> str:
        """What the body of an error says, on one line of at most 1,024 characters. Ends the answer."""
        return words_of(self.error_body())

    def raise_for_status(self) -> None:
        """Raise the Downstream* error that fits a status outside 200–299, with the server's words."""
        if 200 <= self.status < 300:
            return
        words = self.excerpt()
        said = f": {words}" if words else "."
        if self.status in {401, 403}:
            raise DownstreamAuthError(
                f"{self._origin} refused the credentials (status {self.status}){said}", status=self.status
            )
        if self.status in {408, 504}:
            raise DownstreamTimeoutError(f"{self._origin} reports a timeout (status {self.status}){said}")
        raise DownstreamServerError(
            f"unexpected response with status code {self.status}{said}",
            code=self.status,
            source=ErrorSource.from_http_status(self.status),
            retryable=self.status in {429, 502, 503},
        )

    def interrupt(self) -> None:
        """End a read that another thread is in; that reader gets a connection error. Close it afterwards."""
        self._canceller.cancel()

    def close(self) -> None:
        """Give the connection back, or drop it if the body is not fully read. Idempotent."""
        if self._registration is not None:
            self._registration.remove()
            self._registration = None
        if not self._ended:
            self._response.close()
        self._response.release_conn()
        self._canceller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Pieces:
    """Pieces that come as bytes, for a reader that brings its own buffers."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class BodyReader(io.RawIOBase):
    """A response body as a file. `read(n)` returns exactly `n` bytes unless the body ends."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self._owner = response
        self._chunks = response.stream_chunks()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            rest, self._rest = self._rest, memoryview(b"")
            return b"".join([rest, *self._chunks])
        if len(self._rest) < size:
            self._fill(size)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._owner.close()
        super().close()

    def _fill(self, size: int) -> None:
        pieces: list[bytes | memoryview] = [self._rest]
        have = len(self._rest)
        for chunk in self._chunks:
            pieces.append(chunk)
            have += len(chunk)
            if have >= size:
                break
        self._rest = memoryview(b"".join(pieces))
