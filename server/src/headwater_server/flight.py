"""`headwater serve --flight`: the Flight SQL server of headwater-engines, beside the HTTP API of a host.

Callers, limits, audit log and metrics are those of the HTTP API.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from headwater import Headwater
from headwater.calls import CallContext
from headwater.errors import HeadwaterError, HostExhaustedError, QueryCanceledError
from headwater.frames import FrameStream
from headwater.logs import get_logger
from headwater.models import User
from headwater.queries import MetricQuery
from headwater.queries.named import NamedQuery, PreparedQuery
from headwater_server.audit import query_hash
from headwater_server.auth import Action, PermissionDeniedError, Principal
from headwater_server.http.app import Service
from headwater_server.http.call import headers_for_plugins
from headwater_server.http.host import Host
from headwater_server.http.middleware import finish
from headwater_server.http.named_run import NamedRun
from headwater_server.http.record import RequestRecord
from headwater_server.output.rows import rows_of
from headwater_server.serving import ListenOptions

if TYPE_CHECKING:
    from collections.abc import Coroutine

R = TypeVar("R")
_METHOD = "POST"  # what gRPC sends
_ACTIONS = (Action.QUERY, Action.RUN_QUERIES)


def flight_service(listen: ListenOptions, locations: Sequence[str] = ()) -> Service:
    """Flight SQL on the address and port of `listen`, with its certificate. `locations` are the addresses of
    all hosts that may read tickets. Needs headwater-engines[flight]."""
    from headwater_engines.flight import FlightOptions, FlightServer

    options = FlightOptions(
        host=listen.host,
        port=listen.port,
        tls_certificate=listen.tls_certificate.read_bytes() if listen.tls_certificate else b"",
        tls_key=listen.tls_key.read_bytes() if listen.tls_key else b"",
        locations=tuple(locations),
    )

    @asynccontextmanager
    async def serving(host: Host) -> AsyncIterator[None]:
        access = FlightAccess(host, asyncio.get_running_loop())
        server = await host.run(lambda: FlightServer(access, options))
        try:
            yield
        finally:
            await host.run(server.close)

    return serving


class FlightAccess:
    """What the Flight server asks of the host. The host's callers and limits belong to its event loop: they
    are asked there, while a thread of Flight's waits."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._logger = get_logger("headwater.flight", over=host.headwater.logger)

    @property
    def headwater(self) -> Headwater:
        return self._host.headwater

    @property
    def closing(self) -> bool:
        return self._host.draining

    def check(self, authorization: str) -> None:
        # A handshake does not tell where it comes from: all of them share one budget of wrong passwords.
        self._in_loop(self._host.authenticate(authorization, "flight handshake"))

    def open(self, method: str, headers: Mapping[str, str], peer: str, *, streams: bool) -> FlightCall:
        host = self._host
        record = RequestRecord(os.urandom(16).hex(), address_of(peer), route=method)
        seconds = host.options.stream_timeout if streams else host.headwater.limits.timeout
        context = CallContext(
            timeout=seconds,
            request_id=record.request_id,
            headers=headers_for_plugins(headers),
            limits=host.headwater.limits,
        )
        call = FlightCall(record, context, self._ended, host.headwater)
        self._in_loop(self._begin(call, headers.get("authorization", "")))
        return call

    def rows(self, query: MetricQuery, context: CallContext, user: User) -> FrameStream:
        return _rows(self.headwater, query, context, user)

    async def _begin(self, call: FlightCall, authorization: str) -> None:
        host = self._host
        try:
            if host.draining:
                raise HostExhaustedError("The host is shutting down.")
            call.principal = await host.authenticate(authorization, call.record.address)
            call.record.who = call.principal.id
            call.stack.enter_context(host.limiter.slot(call.principal.id))
            if not host.keys.open:
                await host.run(host.keys.require)
            if not any(call.principal.may_somewhere(action) for action in _ACTIONS):
                raise PermissionDeniedError(f"Access denied: needs {' or '.join(_ACTIONS)}")
            host.running.add(call.context)
        except HeadwaterError as error:
            call.record.status = error.status
            self._end(call)
            raise

    def _ended(self, call: FlightCall) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            self._loop.call_soon_threadsafe(self._end, call)

    def _end(self, call: FlightCall) -> None:
        call.stack.close()
        call.context.close()
        self._host.running.discard(call.context)
        finish(self._host, call.record, _METHOD, self._logger)

    def _in_loop(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class FlightCall:
    """One call, and what is remembered of it."""

    def __init__(
        self,
        record: RequestRecord,
        context: CallContext,
        ended: Callable[[FlightCall], object],
        headwater: Headwater,
    ) -> None:
        self.record = record
        self.context = context
        self.stack = ExitStack()
        self.principal = Principal("nobody", "nobody")
        self._ended = ended
        self._headwater = headwater

    @property
    def caller_id(self) -> str:
        return self.principal.id

    @property
    def user(self) -> User:
        return self.principal.user

    def may_query(self, uid: str) -> bool:
        return self.principal.may(Action.QUERY, uid)

    def may_run(self, id: str) -> bool:  # noqa: A002
        return self.principal.may(Action.RUN_QUERIES, id)

    def run_of(self, id: str, *, fresh: bool = False) -> FlightRun:  # noqa: A002
        if not self.may_run(id):  # whether there is one or not
            raise PermissionDeniedError(f"Access denied{Action.RUN_QUERIES.noun}")
        kept = self._headwater.named_queries
        named = kept.get(id) if fresh else kept.find(id)
        return FlightRun(named, NamedRun.of(self._headwater, named, self.principal))

    def note(self, action: str, data_source: str = "", query: Mapping[str, object] | None = None) -> None:
        hashed = "" if query is None else query_hash(query)
        self.record.add_event(action, data_source=data_source, query_hash=hashed)

    def end(self, error: HeadwaterError | None = None, *, rows: int = 0, size: int = 0) -> None:
        self.record.status = 200 if error is None else error.status
        self.record.cancelled = isinstance(error, QueryCanceledError)
        self.record.bytes = size
        self.record.count({"": rows}, {} if error is None else {"": error})
        self._ended(self)


class FlightRun:
    """A named query, and what runs it for a caller."""

    def __init__(self, named: NamedQuery, run: NamedRun) -> None:
        self.named = named
        self._run = run

    def prepare(self, body: Mapping[str, Any], context: CallContext) -> PreparedQuery:
        return self._run.prepare(body, context)

    def rows(self, query: MetricQuery, context: CallContext, user: User) -> FrameStream:
        try:
            return _rows(self._run, query, context, user)
        except HeadwaterError as error:
            raise self._run.shown(error) from error


def address_of(peer: str) -> str:
    """The address in what gRPC calls a peer: `ipv4:192.0.2.1:55555`, `ipv6:%5B::1%5D:55555`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


def _rows(asked: Headwater | NamedRun, query: MetricQuery, context: CallContext, user: User) -> FrameStream:
    chunks = asked.query_chunked_data([query], context, user=user)
    return rows_of(chunks, context, chunks.close)
