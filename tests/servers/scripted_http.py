"""An HTTP server that answers as a test says, byte by byte: for faults that real servers do not produce."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import attrs


@attrs.frozen
class Request:
    """Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[Request, socket.socket], None]
"""Answers one request on its connection. Closing the connection ends it; else the next request is read."""


class ScriptedServer:
    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        self._script = script
        self._tls = tls
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[Request] = []
        self.hung_up = threading.Event()
        """Set when a client closed a connection while its answer was due (see `hang`)."""

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def hang(self, _: Request, connection: socket.socket) -> None:
        """A script: never answer; note when the client goes away."""
        with contextlib.suppress(OSError):
            if connection.recv(1) == b"":
                self.hung_up.set()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno != errno.EMFILE:
                    return
                time.sleep(0.01)  # a test leaves this process no descriptors for a while
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        self._connections.append(connection)
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as lines:
            while request := _read_request(lines):
                self.requests.append(request)
                self._script(request, connection)


@contextlib.contextmanager
def serve(script: Script | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Serve `script` on a loopback port; without one, never answer."""
    server = ScriptedServer(lambda request, connection: chosen(request, connection), tls)
    chosen: Script = script or server.hang
    acceptor = threading.Thread(target=server.accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        server.close()
        acceptor.join(5)


def answer(body: bytes = b"", *, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> Script:
    """A script: a well-formed answer, whatever the request."""
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return raw(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body, close=False)


def raw(data: bytes, *, close: bool = True) -> Script:
    """A script: exactly these bytes, then the end of the connection unless `close` is false."""

    def send(_: Request, connection: socket.socket) -> None:
        connection.sendall(data)
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return send


def _read_request(lines: object) -> Request | None:
    readline, read = lines.readline, lines.read  # type: ignore[attr-defined]
    first = readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while (line := readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = read(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, body)
