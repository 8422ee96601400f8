"""uvicorn's HTTP protocol, which waits for ever for the end of a request's head, with bounds for it."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from headwater_server.http.disconnect import DISCONNECTS, Disconnects

_ANSWER = (
    "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n"
    "connection: close\r\n\r\n{text}"
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Gives a client `header_timeout` seconds for a request's head, from connecting or the head's first byte,
    and `max_header_bytes`. Bodies are bounded where they are read."""

    header_timeout: ClassVar[float] = 10.0
    max_header_bytes: ClassVar[int] = 65_536

    _in_head = True
    _head_bytes = 0
    _alarm: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._disconnects = Disconnects()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._alarm is None:
                self._expect_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > self.max_header_bytes:
            self._refuse("431 Request Header Fields Too Large", "The request's head is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[DISCONNECTS] = self._disconnects  # type: ignore[typeddict-unknown-key]
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._disconnects.fire()
        super().connection_lost(exc)
        # uvicorn leaves its timer running if the client reset the connection, and with it all of the request.
        self._unset_keepalive_if_required()

    def _expect_head(self) -> None:
        self._alarm = self.loop.call_later(
            self.header_timeout, self._refuse, "408 Request Timeout", "The request's head took too long."
        )

    def _stop_waiting(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _refuse(self, status: str, text: str) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.write(_ANSWER.format(status=status, length=len(text), text=text).encode())
        self.transport.close()


def bounded(header_timeout: float, max_header_bytes: int) -> type[Any]:
    """The protocol with these bounds: uvicorn makes its protocols itself and passes no options on."""
    bounds = {"header_timeout": header_timeout, "max_header_bytes": max_header_bytes}
    return type("BoundedHttpProtocol", (BoundedHttpProtocol,), bounds)
