"""Notices that clients leave while their query has nothing to send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pyarrow import flight

from headwater.calls import CallContext

_LOOK_SECONDS: Final = 0.1


class CancelWatch:
    """Looks at all calls ten times a second, in one thread. Flight tells nobody of a client that has gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # while it is held no call ends: its Flight context would be gone
        self._calls: dict[CallContext, flight.ServerCallContext] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="headwater-flight-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, call: flight.ServerCallContext, context: CallContext) -> Iterator[None]:
        """Cancel `context` if the client of `call` leaves before the end of the block."""
        with self._lock:
            self._calls[context] = call
        try:
            yield
        finally:
            with self._lock:
                del self._calls[context]

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                gone = [context for context, call in self._calls.items() if call.is_cancelled()]
            for context in gone:
                context.cancel_in(_run_in_thread, "The client went away.")


def _run_in_thread(callbacks: object) -> None:
    threading.Thread(target=callbacks, name="headwater-cancel", daemon=True).start()  # type: ignore[arg-type]
