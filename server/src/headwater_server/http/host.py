"""`Host`: everything the handlers of one app share. Nothing of it is global."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from typing import TypeVar

from headwater import AsyncHeadwater, Headwater
from headwater.calls import CallContext, WorkerPool, result_of
from headwater.errors import HeadwaterError
from headwater.logs import get_logger
from headwater_server.audit import AuditLog, NoAuditLog
from headwater_server.auth import AuthenticationError, Authenticator, Principal, RequestLimiter
from headwater_server.metrics import HostMetrics

from .garbage_collection import GarbageCollection
from .key_watch import KeyWatch
from .options import HttpOptions
from .ready_answers import ReadyAnswers
from .result_memory import ResultMemory
from .secret_failures import SecretFailures
from .start_limiter import StartLimiter

R = TypeVar("R")
_STORE_CHECK_SECONDS = 5.0


class Host:
    def __init__(
        self,
        headwater: Headwater,
        options: HttpOptions,
        authenticator: Authenticator,
        limiter: RequestLimiter,
        audit: AuditLog,
        metrics: HostMetrics,
    ) -> None:
        self.headwater = headwater
        self.plugins = AsyncHeadwater(headwater)  # for calls that are no queries
        self.options = options
        self.authenticator = authenticator
        self.limiter = limiter
        self.audit = audit
        self.is_audited: bool = not isinstance(audit, NoAuditLog)
        self.metrics = metrics
        self.workers = WorkerPool("headwater-http")
        self.garbage_collection = GarbageCollection(self.workers)
        self.memory = ResultMemory(options.result_memory, options.result_reserve, metrics.result_bytes.set)
        self.start_limiter = StartLimiter()
        self.ready_answers = ReadyAnswers(headwater)
        self.keys = KeyWatch(headwater.data_sources, degraded=options.degraded)
        failures = SecretFailures(metrics, audit)
        self._forget_failures = headwater.data_sources.on_unavailable(failures.record)
        self.running: set[CallContext] = set()
        self.draining = False
        self.leaving = False  # others answer on the same address from now on
        self._store_is_healthy = True
        self._store_checked = float("-inf")

    async def run(self, function: Callable[[], R]) -> R:
        """What `function` returns, from a worker thread."""
        return await result_of(self.workers.submit(contextvars.copy_context().run, function))

    async def authenticate(self, authorization: str, address: str, *, session_id: str = "") -> Principal:
        """Who calls from `address` with these credentials, or else with the page's session.

        Raises AuthenticationError, TooManyRequestsError.
        """
        # Passwords are what people choose, so guesses are bounded; 256 random bits need no such bound, and
        # one address may be a proxy in front of many callers.
        guessable = authorization[:6].lower() == "basic "
        if guessable:
            self.limiter.check_failures(address)
        try:
            return await self.authenticator.authenticate(authorization, self.run, session_id=session_id)
        except AuthenticationError:
            if authorization:
                self.metrics.failed_logins.inc()
            if guessable:
                self.limiter.record_failure(address)
            raise

    async def store_is_healthy(self) -> bool:
        """Whether the store answers; asked at most every five seconds."""
        if time.monotonic() - self._store_checked >= _STORE_CHECK_SECONDS:
            self._store_checked = time.monotonic()
            try:
                self._store_is_healthy = await self.run(self.headwater.store.revision) >= 0
            except Exception:
                self._store_is_healthy = False
        return self._store_is_healthy

    def note_last_used(self) -> None:
        """Write when tokens were last used. Blocks. A store that fails must stop nothing."""
        try:
            self.authenticator.note_last_used()
        except HeadwaterError as error:
            get_logger("headwater.http", over=self.headwater.logger).warning(
                "When tokens were last used could not be written.", reason=str(error)
            )

    def cancel_all(self, reason: str) -> None:
        """End every query at its data source."""
        for context in tuple(self.running):
            self.workers.submit(context.cancel, reason)

    def close(self) -> None:
        """End queries and threads. The Headwater and the audit log stay open: they are the caller's."""
        self.cancel_all("The host is shutting down.")
        self.running.clear()
        self._forget_failures()
        self.garbage_collection.close()
        try:
            self.note_last_used()
        finally:
            self.workers.close()
