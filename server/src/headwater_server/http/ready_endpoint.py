"""`ReadyEndpoint`: in front of `/api/ds/query`, answers what lies ready in memory, and passes on the rest.

Who calls, how often and whether they may is decided as for every request; one that is passed on has been
admitted, and is not asked again.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headwater.frames import CacheStatus
from headwater_server.auth import Action
from headwater_server.auth.rate_limits import TooManyRequestsError

if TYPE_CHECKING:
    from headwater_server.auth import Principal

    from .host import Host
    from .record import RequestRecord

ADMITTED = "headwater.admitted"
"""In a scope: the caller, who was recognised and is within the limits."""
_HEADERS = ((b"content-type", b"application/json"), (b"x-cache", CacheStatus.HIT.value.encode()))


class ReadyEndpoint:
    def __init__(self, host: Host, path: str, endpoint: ASGIApp) -> None:
        self._host = host
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Callers whose token was looked up before are answered here; audited hosts read each request, for
        their log names what was asked."""
        host = self._host
        principal = None
        if scope["method"] == "POST" and not host.is_audited and host.keys.open:
            principal = host.authenticator.recognise(_credentials(scope["headers"]))
        if principal is None:
            await self._endpoint(scope, receive, send)
            return
        try:
            caller = host.limiter.begin(principal.id)
        except TooManyRequestsError:
            await self._endpoint(scope, receive, send)  # says so
            return
        try:
            await self._admitted(principal, scope, receive, send)
        finally:
            caller.end()

    async def _admitted(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            message = await _first_message(receive, self._host.options.body_timeout)
        except TimeoutError:
            message = None  # the endpoint says so
        answer = None
        if message is not None and message["type"] == "http.request" and not message.get("more_body"):
            answer = self._ready(principal, scope, message.get("body", b""))
        if answer is None:
            scope[ADMITTED] = principal
            await self._endpoint(scope, receive if message is None else _again(message, receive), send)
            return
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})

    def _ready(self, principal: Principal, scope: Scope, body: bytes) -> bytes | None:
        host = self._host
        request = host.ready_answers.find(scope["headers"], body)
        if request is None or not all(principal.may(Action.QUERY, uid) for uid in request.uids):
            return None
        answer = host.ready_answers.render(request)
        if answer is None or host.headwater.answer_cache is None:
            return None
        for _ in request.parts:
            host.headwater.answer_cache.count(CacheStatus.HIT)
        record: RequestRecord = scope["headwater.record"]
        record.route, record.who = self._path, principal.id
        record.count(request.rows, {})
        return answer


async def _first_message(receive: Receive, seconds: float) -> Message:
    """Raises TimeoutError. A body that came with its head, as small ones do, costs no timer."""
    receiving: Generator[Any, Any, Message] = receive().__await__()
    try:
        first_wait = next(receiving)
    except StopIteration as received:
        message: Message = received.value
        return message
    async with asyncio.timeout(seconds):
        return await _go_on(receiving, first_wait)


@types.coroutine
def _go_on(receiving: Generator[Any, Any, Message], first_wait: Any) -> Generator[Any, Any, Message]:
    """Await the rest of what waits for `first_wait`."""
    try:
        yield first_wait
        return (yield from receiving)
    finally:
        receiving.close()


def _credentials(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The header `Authorization`; nothing if it is there twice: a proxy may have looked at the other one."""
    found = [value for name, value in headers if name == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _again(first: Message, receive: Receive) -> Receive:
    """`receive`, with `first` before everything else."""
    waiting = [first]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
