"""Stop queries at their engine, from any thread and without making it wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from headwater.errors import HeadwaterError

#: Pauses before each further attempt: a query that has just been sent may not be known to the engine yet.
_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_JOIN_SECONDS = 2.0


class QueryCanceller:
    """`attempt(query_id)` tells the engine to stop a query, and whether the engine knew it."""

    def __init__(self, attempt: Callable[[str], bool]) -> None:
        self._attempt = attempt
        self._lock = threading.Lock()  # guards the threads below
        self._threads: set[threading.Thread] = set()

    def kill(self, query_id: str, *, has_begun: bool = False) -> None:
        """Stop a query in the background. One that `has_begun` has ended if the engine does not know it."""
        pauses = _PAUSES[:1] if has_begun else _PAUSES
        thread = threading.Thread(
            target=self._work, args=(query_id, pauses), name="clickhouse-kill", daemon=True
        )
        with self._lock:
            thread.start()
            self._threads.add(thread)

    def join(self) -> None:
        """Wait until the engine has been told, for two seconds at most."""
        deadline = time.monotonic() + _JOIN_SECONDS
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, query_id: str, pauses: tuple[float, ...]) -> None:
        try:
            for pause in pauses:
                time.sleep(pause)
                if self._attempt(query_id):
                    return
        except HeadwaterError:
            # Out of reach. Its connection is closed as well, which ends the query at its next block.
            pass
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
