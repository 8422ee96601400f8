"""Connections whose blocking calls another thread can end, and whose answers are bounded in what surrounds
the body.

urllib3 gives no handle on a connection until the response headers are there, which is too late to cancel a
query the server is still computing. The connections below report their socket to the call that uses them.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from headwater.network import AddressPolicy, resolve

HeaderListener = Callable[[str, str], bool]
"""Called with name and value of each header line as it arrives; true keeps the line out of the response."""


_MOST_LINE_BYTES = 64 * 1024
_MOST_LINES = 100
_EMPTY_LINES = (b"\r\n", b"\n", b"")
_PLAIN_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\r\n)*")
_JOINED_BYTES = 64 * 1024
_WITHOUT_BODY = (http.client.SWITCHING_PROTOCOLS, http.client.NO_CONTENT, http.client.NOT_MODIFIED)

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`struct linger`: on, 0 seconds."""


class SocketCanceller:
    """Ends the socket calls of one request. Thread-safe; `cancel` may come before or after any of them."""

    def __init__(self, on_header: HeaderListener | None = None) -> None:
        self._lock = threading.Lock()  # guards the socket and whether it was ended
        self._handle: socket.socket | None = None
        self.on_header = on_header
        self.cancelled: bool = False
        self.reused_connection = False
        #: The answer as the standard library has it, once its head has come.
        self.answer: http.client.HTTPResponse | None = None

    def watch(self, sock: socket.socket) -> None:
        """Make `sock` the one that `cancel` ends.

        The handle is a duplicate: it survives TLS wrapping, and cannot hit a stranger's socket when the
        original is closed and its number given away.
        """
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            previous, self._handle = self._handle, duplicate
            cancelled = self.cancelled
        if previous is not None:
            previous.close()
        if cancelled:
            self.cancel()

    def cancel(self) -> None:
        """End the socket call that blocks, and those to come."""
        with self._lock:
            self.cancelled = True
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    # The close that follows resets the connection: a server that is busy sending would
                    # otherwise not notice while what it has sent fits into the buffers.
                    self._handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    # Plain socket shutdown also ends a TLS read that blocks in another thread.
                    self._handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


class _Active(threading.local):
    canceller: Any = None
    """Of the request that this thread makes."""


_active = _Active()


@contextlib.contextmanager
def cancelled_by(canceller: SocketCanceller) -> Iterator[None]:
    """The request that this thread makes inside the block reports its socket to `canceller`. All are made in
    such blocks; who listens to an answer's headers may make another."""
    outer, _active.canceller = _active.canceller, canceller
    try:
        yield
    finally:
        _active.canceller = outer


class _Head:
    """A response's file while its head is read, line by line: some servers report progress in headers.

    The standard library takes an end amid the head for the head's end, and what is then known of the body,
    nothing, for an empty one.
    """

    def __init__(self, file: Any, listener: HeaderListener | None) -> None:
        self._file = file
        self._listener = listener
        self._begun = False

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._file.readline(limit)
        if not line.endswith(b"\n") and not 0 <= limit <= len(line) and (line or self._begun):
            raise http.client.IncompleteRead(line)
        self._begun = True
        return line

    def fields(self) -> http.client.HTTPMessage:
        """The header lines up to the empty one, but for those that the listener takes."""
        lines: list[bytes] = []
        for line in self._lines():
            if len(line) > _MOST_LINE_BYTES:
                raise http.client.LineTooLong("header line")
            if self._listener is None or not self._is_taken(line):
                lines.append(line)
                if len(lines) > _MOST_LINES:
                    raise http.client.HTTPException(f"got more than {_MOST_LINES} headers")
        head = b"".join(lines)
        if not _PLAIN_FIELDS.fullmatch(head):
            return http.client.parse_headers(io.BytesIO(head + b"\r\n"))
        # What the parser of mail makes of such lines, at a fraction of its cost.
        fields = http.client.HTTPMessage()
        for text in head.decode("latin-1").split("\r\n")[:-1]:
            name, _, value = text.partition(":")
            fields.set_raw(name, value.lstrip(" \t"))
        return fields

    def _lines(self) -> Iterator[bytes]:
        """The lines up to the empty one. Those of a head that has come whole are cut from one piece."""
        if isinstance(self._file, io.BufferedReader):
            ahead = self._file.peek()
            end = ahead.find(b"\r\n\r\n")
            alike = ahead.count(b"\n", 0, end) == ahead.count(b"\r\n", 0, end)
            if end > 0 and alike and not ahead.startswith(b"\r\n"):
                head = self._file.read(end + 4)
                yield from (line + b"\r\n" for line in head[:end].split(b"\r\n"))
                return
        while (line := self.readline(_MOST_LINE_BYTES + 1)) not in _EMPTY_LINES:
            yield line

    def _is_taken(self, line: bytes) -> bool:
        name, colon, value = line.partition(b":")
        listener = self._listener
        if not colon or listener is None:
            return False
        return listener(name.decode("latin-1"), value.decode("latin-1").strip())

    def close(self) -> None:
        self._file.close()


class FramingError(http.client.HTTPException):
    """The chunks of a body break HTTP's rules, or take more room for themselves than any server needs."""


class _BoundedFraming:
    """A response's file while its body is read: what stands between chunks is short, no length negative."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._line_bytes = 0
        """Since the last piece of the body: of a chunk's head, or of all trailers together."""

    def readline(self, limit: int = -1) -> bytes:
        room = _MOST_LINE_BYTES + 1 - self._line_bytes
        line: bytes = self._file.readline(min(limit, room) if limit >= 0 else room)
        self._line_bytes += len(line)
        if self._line_bytes > _MOST_LINE_BYTES:
            raise FramingError("more than a chunk's head or trailers take")
        return line

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size < 0:
            raise FramingError("a chunk of negative size")
        self._line_bytes = 0
        data: bytes = self._file.read(size)
        return data

    def readinto1(self, buffer: memoryview) -> int:
        self._line_bytes = 0
        count: int = self._file.readinto1(buffer)
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _ObservableResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """As the standard library's, but for the parser of the head."""
        canceller: SocketCanceller = _active.canceller
        file: Any = self.fp
        head: Any = _Head(file, canceller.on_header)
        self.fp = head
        try:
            self._read_head(head)
        finally:
            if self.fp is not None:  # pragma: no branch - where it is let go of, there is an error
                bounded: Any = _BoundedFraming(file)
                self.fp = bounded
        self._decide_length()
        canceller.answer = self

    def _read_head(self, head: _Head) -> None:
        version, status, reason = self._read_status()
        while status == http.client.CONTINUE:
            head.fields()
            version, status, reason = self._read_status()
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version in {"HTTP/1.0", "HTTP/0.9"} else 11
        self.headers = self.msg = head.fields()

    def _decide_length(self) -> None:
        """Where the body ends: with its chunks, after `length` bytes, or with the connection."""
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        private: Any = self
        self.will_close = private._check_close()
        self.length = None if self.chunked else _content_length(self.headers.get("content-length", ""))
        if self.status in _WITHOUT_BODY or private._method == "HEAD":
            self.length = 0
        if not self.chunked and self.length is None:
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        """Interim answers beside 100 (102, 103) are passed over as 100 is; the one they announce follows."""
        read: Any = super()._read_status  # type: ignore[misc]
        version, status, reason = read()
        return version, http.client.CONTINUE if 101 < status < 200 else status, reason


def _content_length(text: str) -> int | None:
    try:
        length = int(text)
    except ValueError:
        return None
    return length if length >= 0 else None


class CancellableHTTPConnection(HTTPConnection):
    response_class: type[http.client.HTTPResponse] = _ObservableResponse

    def __init__(self, *args: Any, address_policy: AddressPolicy | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address_policy = address_policy
        self._head: bytes | None = None
        """Of the request that is being made: empty before it is there, None once it is sent."""

    def _new_conn(self) -> socket.socket:
        """Connect like urllib3, but only to addresses that a data source may have, and let the canceller know
        the socket before `connect` blocks."""
        try:
            addresses = resolve(self._dns_host, self.port, self._address_policy)
        except (socket.gaierror, UnicodeError) as error:
            failure = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, failure) from error
        last: OSError = OSError("the name has no address")
        for family, kind, protocol, address in addresses:
            sock = socket.socket(family, kind, protocol)
            try:
                self._connect_socket(sock, address)
            except OSError as error:
                sock.close()
                last = error
            else:
                return sock
        if isinstance(last, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from last
        raise NewConnectionError(self, f"Failed to establish a new connection: {last}") from last

    def _connect_socket(self, sock: socket.socket, address: Any) -> None:
        canceller: SocketCanceller = _active.canceller
        canceller.watch(sock)
        if canceller.cancelled:
            raise ConnectionAbortedError("cancelled")
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        seconds: Any = self.timeout  # the request's: a number
        sock.settimeout(seconds)
        sock.connect(address)

    def request(self, *args: Any, **kwargs: Any) -> None:
        canceller: SocketCanceller = _active.canceller
        reused = self.sock is not None and getattr(self, "_served", False)
        canceller.reused_connection = reused
        if reused:
            canceller.watch(self.sock)
        self._served = True
        self._head = b""
        try:
            super().request(*args, **kwargs)
        finally:
            head, self._head = self._head, None
        if head:
            super().send(head)

    def send(self, data: Any) -> None:
        """A head waits for its body, to be sent with it if that is short: one message, and one wake-up of the
        server."""
        if self._head == b"" and isinstance(data, bytes):
            self._head = data
            return
        head, self._head = self._head, None
        if head:
            joined = isinstance(data, bytes) and len(data) <= _JOINED_BYTES
            super().send(head + data if joined else head)
            if joined:
                return
        super().send(data)

    def close(self) -> None:
        self._served = False
        super().close()


class CancellableHTTPSConnection(CancellableHTTPConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if self.ssl_context is not None and not self.ssl_context.check_hostname:
            # The operator switched verification off and the health check says so; urllib3 would warn
            # on each connection.
            self.is_verified = True


class HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = CancellableHTTPConnection


class HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = CancellableHTTPSConnection


def pools(address_policy: AddressPolicy | None) -> dict[str, Any]:
    """Makers of pools by scheme, for `PoolManager.pool_classes_by_scheme`."""
    # A pool hands the arguments that it does not know to its connections.
    return {scheme: partial(pool, address_policy=address_policy) for scheme, pool in _POOLS.items()}


_POOLS: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": HTTPPool, "https": HTTPSPool}
