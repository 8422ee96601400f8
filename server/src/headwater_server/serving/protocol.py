"""uvicorn's HTTP protocol, which waits for ever for the end of a request's head, with bounds for it, and with
refusals in the form of the API's errors."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from headwater_server.http.disconnect import DISCONNECTS, Disconnects

_HEAD = (
    "HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
    "content-length: {length}\r\nconnection: close\r\n\r\n"
)
_LINGER_SECONDS = 2.0
_QUEUED_REQUESTS = 4


class BoundedHttpProtocol(HttpToolsProtocol):
    """Gives a client `header_timeout` seconds for a request's head, from connecting or the head's first byte,
    and `max_header_bytes`. Bodies are bounded where they are read."""

    header_timeout: ClassVar[float] = 10.0
    max_header_bytes: ClassVar[int] = 65_536

    _in_head = True
    _head_bytes = 0
    _refused = False
    _alarm: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._disconnects = Disconnects()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Parses no more of a head than it may have: what came at once may be larger than that."""
        while data and self._in_head and not self._refused:
            room = self.max_header_bytes - self._head_bytes
            if room <= 0:
                self._refuse_head()
                return
            part, data = data[:room], data[room:]
            self._head_bytes += len(part)
            super().data_received(part)
        if data and not self._refused:
            super().data_received(data)
        if self._in_head and self._head_bytes and self._alarm is None and not self._refused:
            self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[DISCONNECTS] = self._disconnects  # type: ignore[typeddict-unknown-key]
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= _QUEUED_REQUESTS:
            # uvicorn reads no more while requests wait for their turn, and so would not see the client go.
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "request.malformed", msg)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._disconnects.fire()
        super().connection_lost(exc)
        # uvicorn leaves its timer running if the client reset the connection, and with it all of the request.
        self._unset_keepalive_if_required()

    def _expect_head(self) -> None:
        self._alarm = self.loop.call_later(self.header_timeout, self._refuse_slow_head)

    def _stop_waiting(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _refuse_slow_head(self) -> None:
        text = f"The request's head took longer than {self.header_timeout:g} seconds."
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request.headTimeout", text)

    def _refuse_head(self) -> None:
        bound = f"a request's head, its address included, may have {self.max_header_bytes:,} bytes"
        if len(self.url) > self.max_header_bytes // 2:
            text = f"The request's address is too long: {bound}. Send what is long in a body."
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "request.addressTooLong", text)
        else:
            text = f"The request's headers are too large: {bound}."
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request.headersTooLarge", text)

    def _refuse(self, status: HTTPStatus, message_id: str, text: str) -> None:
        self._stop_waiting()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        cycle: RequestResponseCycle | None = self.cycle
        idle = cycle is None or cycle.response_complete
        own_body = status is HTTPStatus.BAD_REQUEST and cycle is not None and not cycle.response_started
        if idle or own_body:  # else another answer is on its way: nothing fits behind it
            body = {"statusCode": status.value, "messageId": message_id, "message": text, "traceID": ""}
            encoded = orjson.dumps(body)
            self.transport.write(_HEAD.format(status=status, length=len(encoded)).encode() + encoded)
        if idle:
            self._close_once_read()
        else:
            self.transport.close()

    def _close_once_read(self) -> None:
        """Not at once: a client that still sends would be reset before it has read the answer."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)


def bounded(header_timeout: float, max_header_bytes: int) -> type[Any]:
    """The protocol with these bounds: uvicorn makes its protocols itself and passes no options on."""
    bounds = {"header_timeout": header_timeout, "max_header_bytes": max_header_bytes}
    return type("BoundedHttpProtocol", (BoundedHttpProtocol,), bounds)
