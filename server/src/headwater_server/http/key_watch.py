"""`KeyWatch`: whether the active encryption key can be used, and what a host does without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from headwater.datasources import DataSourceService
from headwater.errors import EncryptionKeyError, StoreError
from headwater.logs import get_logger

_CHECK_SECONDS = 1.0


class KeyWatch:
    """A host that starts without its active key, or with another key under its id, stays shut until the key
    is there, unless it is `degraded`. One that has opened stays open: without the key, what needs a secret
    fails. Thread-safe.
    """

    def __init__(
        self, data_sources: DataSourceService, *, degraded: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._data_sources = data_sources
        self._clock = clock
        self._lock = threading.Lock()  # lets one thread at a time look at the key
        self._checked = float("-inf")
        self._logger = get_logger("headwater.http")
        self.degraded = degraded
        self.problem = ""
        self.key_id = ""
        self.check()
        self.open = degraded or not self.problem

    def check(self) -> None:
        """Look again, at most once a second. Blocks."""
        with self._lock:
            if self._clock() - self._checked < _CHECK_SECONDS:
                return
            self._checked = self._clock()
            try:
                problem = self._data_sources.key_problem()
                self.key_id = self._data_sources.store.active_key()
            except StoreError:
                return  # readiness tells of the store by itself
            if problem and not self.problem:
                self._logger.error("The encryption key cannot be used.", key=self.key_id, reason=problem)
            elif self.problem and not problem:
                self._logger.info("The encryption key can be used again.", key=self.key_id)
            self.problem = problem
            if not problem:
                self.open = True

    def require(self) -> None:
        """Blocks. Raises EncryptionKeyError while the host stays shut."""
        self.check()
        if not self.open:
            raise EncryptionKeyError(self.summary, status=503, retryable=True)

    @property
    def summary(self) -> str:
        """For callers whom it does not concern where this host looks for its keys."""
        return f"Encryption key {self.key_id!r} is missing or not the right one; the host's log says more."
