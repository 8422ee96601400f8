"""Answers: JSON at once, and bodies that are made chunk by chunk in a worker thread."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.frames import (
    ARROW_CHUNKS_MEDIA_TYPE,
    ARROW_MEDIA_TYPE,
    JSON_LINES_MEDIA_TYPE as JSON_LINES,
)

from .prefetch import PrefetchBuffer

if TYPE_CHECKING:
    from headwater.calls import CallContext

    from .host import Host

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"
CACHE_HEADER = "x-cache"
OTHER_FORMS = (JSON_LINES, ARROW_CHUNKS_MEDIA_TYPE, ARROW_MEDIA_TYPE, PARQUET, CSV)
"""What answers to queries can be but JSON."""
_CHUNK_BYTES = 256 * 1024
_encoder = msgspec.json.Encoder()


class ClientStalledError(Exception):
    """The client has not read for too long; the connection ends without a proper end of the body."""


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` may hold msgspec structs."""
    return Response(_encoder.encode(content), status, headers, JSON)


def message_response(message: str, **more: Any) -> Response:
    """Grafana's answer to a change."""
    return json_response({"message": message, **more})


class ChunkedResponse:
    """A body whose chunks are made by a worker thread, a bounded way ahead of the client.

    A `live` body is sent as its chunks come; others are joined to larger ones. What the chunks come from is
    closed at the end, however that comes; if it comes early the context is cancelled first.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        *,
        host: Host,
        context: CallContext,
        media_type: str,
        status: int = 200,
        live: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._buffer = PrefetchBuffer(chunks, least=1 if live else _CHUNK_BYTES)
        self._host = host
        self._context = context
        self._media_type = media_type
        self._status = status
        self._headers = dict(headers or {})
        self._begun = False

    async def wait_for_first(self) -> None:
        """Make the first chunk ahead, so that what fails before it can still choose the status."""
        self._begin()
        try:
            await self._buffer.ready()
        except BaseException:
            self._end(complete=False)
            raise

    def insert(self, chunk: bytes) -> None:
        """Send `chunk` between those being made; from any thread. Lost if the client is behind."""
        self._buffer.insert(chunk)

    def add_header(self, name: str, value: str) -> None:
        """Before anything is sent."""
        self._headers[name] = value

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", self._media_type.encode())]
        headers += [(name.encode(), value.encode()) for name, value in self._headers.items()]
        complete = False
        self._begin()
        try:
            await send({"type": "http.response.start", "status": self._status, "headers": headers})
            while chunk := await self._buffer.take():
                if self._context.cancelled:
                    return
                await self._send(send, chunk, more=True)
            await self._send(send, b"", more=False)
            complete = True
        finally:
            self._end(complete=complete)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._host.workers.submit(contextvars.copy_context().run, self._buffer.produce)

    def _end(self, *, complete: bool) -> None:
        if not complete:
            self._host.workers.submit(self._context.cancel)
        self._buffer.close()

    async def _send(self, send: Send, chunk: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(self._host.options.send_timeout):
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
        except TimeoutError:
            raise ClientStalledError from None
