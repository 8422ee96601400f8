"""Answers: JSON at once, and bodies that are made piece by piece in worker threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from headwater.context import CallContext

    from .host import Host

JSON = "application/json"
_PIECE_BYTES = 256 * 1024
_encoder = msgspec.json.Encoder()


class ClientStalledError(Exception):
    """The client has not read for too long; the connection ends without a proper end of the body."""


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` may hold msgspec structs."""
    return Response(_encoder.encode(content), status, headers, JSON)


def message_response(message: str, **more: Any) -> Response:
    """Grafana's answer to a change."""
    return json_response({"message": message, **more})


class PiecewiseResponse:
    """A body whose pieces are made in worker threads, at the pace of the client.

    One piece is made while the one before is sent, so the loop stays free and memory holds two. A `live` body
    is sent as its pieces come; others are joined to larger ones. What the pieces come from is closed at the
    end, however that comes; if it comes early the context is cancelled first.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        *,
        host: Host,
        context: CallContext,
        media_type: str,
        status: int = 200,
        live: bool = False,
    ) -> None:
        self._pieces = _Pieces(pieces, 1 if live else _PIECE_BYTES)
        self._host = host
        self._context = context
        self._media_type = media_type
        self._status = status

    async def first(self) -> None:
        """Make the first piece ahead, so that what fails before it can still choose the status."""
        await self._host.run(self._pieces.look_ahead)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", self._media_type.encode())]
        complete = False
        making = asyncio.ensure_future(self._host.run(self._pieces.take))
        try:
            await send({"type": "http.response.start", "status": self._status, "headers": headers})
            while piece := await making:
                if self._context.cancelled:
                    return
                making = asyncio.ensure_future(self._host.run(self._pieces.take))
                await self._send(send, piece, more=True)
            await self._send(send, b"", more=False)
            complete = True
        finally:
            making.cancel()
            if not complete:
                self._host.workers.submit(self._context.cancel)
            self._host.workers.submit(self._pieces.close)

    async def _send(self, send: Send, piece: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(self._host.options.send_timeout):
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            raise ClientStalledError from None


class _Pieces:
    """An iterator shared by worker threads, of which one uses it at a time.

    Pieces are joined until they have `enough` bytes; an empty one would be taken for the end.
    """

    def __init__(self, pieces: Iterator[bytes], enough: int) -> None:
        self._pieces = pieces
        self._enough = enough
        self._ahead: bytes | None = None
        self._lock = threading.Lock()

    def look_ahead(self) -> None:
        with self._lock:
            self._ahead = next(filter(None, self._pieces), b"")

    def take(self) -> bytes:
        """The next piece, empty at the end."""
        with self._lock:
            if self._ahead is not None:
                ahead, self._ahead = self._ahead, None
                return ahead
            joined: list[bytes] = []
            size = 0
            for piece in self._pieces:
                joined.append(piece)
                size += len(piece)
                if size >= self._enough:
                    break
            return joined[0] if len(joined) == 1 else b"".join(joined)

    def close(self) -> None:
        """Waits for the piece that is being made."""
        close: Callable[[], object] | None = getattr(self._pieces, "close", None)
        with self._lock:
            if close is not None:
                close()
