"""`Endpoint`: the operations of one path as an ASGI app; authenticates, limits, calls, maps errors."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from headwater.errors import ErrorSource, HeadwaterError
from headwater.logs import get_logger
from headwater_server.auth import AuthenticationError, PermissionDeniedError, Principal

from .agents import MCP_PATH, metadata_url
from .call import Call
from .errors import error_response
from .host import Host
from .operations import Operation
from .ready_endpoint import ADMITTED
from .record import RequestRecord
from .responses import ClientStalledError
from .session_cookie import session_of

_NOBODY = Principal("nobody", "nobody")


class MethodNotAllowedError(HeadwaterError):
    message_id = "request.method"
    status = 405
    source = ErrorSource.CALLER


class Endpoint:
    def __init__(self, host: Host, path: str, operations: Iterable[Operation]) -> None:
        self._host = host
        self._path = path
        self._operations = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations.setdefault("HEAD", self._operations["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record: RequestRecord = scope["headwater.record"]
        record.route = self._path
        try:
            with ExitStack() as stack:
                await self._answer(Request(scope, receive, send), record, stack)
        except HeadwaterError as error:
            if record.status and record.cancelled:
                return  # nobody is left to tell
            if record.status:
                raise
            response = error_response(error, record.request_id)
            if error.status == 401 and self._path == MCP_PATH:
                url = metadata_url(Request(scope), self._host.options.root_url)
                response.headers["www-authenticate"] = f'Bearer resource_metadata="{url}"'
            if isinstance(error, MethodNotAllowedError):
                response.headers["allow"] = ", ".join(sorted(self._operations))
            await response(scope, receive, send)
        except ClientStalledError:
            record.cancelled = True
            get_logger("headwater.http", over=self._host.headwater.logger).info(
                "A client left its answer unread and was cut off.", request_id=record.request_id
            )

    async def _answer(self, request: Request, record: RequestRecord, stack: ExitStack) -> None:
        operation = self._operations.get(request.method)
        if operation is None:
            raise MethodNotAllowedError(f"{request.method} is not allowed here.")
        principal = _NOBODY
        admitted: Principal | None = request.scope.get(ADMITTED)
        if admitted is not None:
            principal = admitted
            record.who = principal.id
        elif not operation.public:
            principal = await self._authenticate(request, record)
            record.who = principal.id
            stack.enter_context(self._host.limiter.slot(principal.id))
            if not self._host.keys.open:
                await self._host.run(self._host.keys.require)
        if operation.action is not None and not principal.may_somewhere(operation.action):
            raise PermissionDeniedError(f"Access denied: needs {operation.action}")
        call = Call(self._host, request, principal, record, stack)
        response = await operation.handler(call)
        await response(request.scope, request.receive, request._send)

    async def _authenticate(self, request: Request, record: RequestRecord) -> Principal:
        given = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if len(given) > 1:
            raise AuthenticationError("Unauthorized")  # a proxy may have looked at the other one
        authorization = given[0].decode("latin-1") if given else ""
        known = self._host.authenticator.recognise(authorization)
        if known is not None:
            return known
        session_id = ""
        if not authorization and self._host.authenticator.sso is not None:
            session_id = session_of(request, self._host.options.root_url)
        return await self._host.authenticate(authorization, record.address, session_id=session_id)
