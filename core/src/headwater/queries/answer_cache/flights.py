"""`Flights`: callers with the same question wait for one answer; none can end it for the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from headwater.calls.context import CallContext, Progress, run_in_thread
from headwater.models import DataResponse

if TYPE_CHECKING:
    from .questions import Key, Question

__all__ = ["Flight", "Flights"]

_FlightKey: TypeAlias = "tuple[Key, int | None, int | None]"


class Flight:
    """A call into a plugin that answers some questions, for as long as somebody waits for it."""

    def __init__(self, context: CallContext, timeout: float | None) -> None:
        self.future: Future[dict[Key, DataResponse]] = Future()
        self.keys: list[_FlightKey] = []
        self.waiting = 0
        self._reporting: list[CallContext] = []
        self.context: CallContext = context.detached(timeout=timeout, on_progress=self._report)

    def report_to(self, context: CallContext) -> None:
        """Tell `context` of progress, too."""
        self._reporting.append(context)

    def _report(self, progress: Progress) -> None:
        for context in tuple(self._reporting):
            context.report_progress(rows=progress.rows, bytes=progress.bytes, total_rows=progress.total_rows)


class Flights:
    """The flights of one host. Thread-safe.

    `start` begins the call of a flight for questions that nobody has asked yet; its end ends the flight's
    future.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards flights and the number of those who wait
        self._flying: dict[_FlightKey, Flight] = {}

    def board(
        self,
        questions: Sequence[Question],
        context: CallContext,
        timeout: float | None,
        start: Callable[[Flight, list[Question]], object],
    ) -> list[Flight]:
        """A flight for each question: one that is on its way, or a new one for all the rest together."""
        with self._lock:
            boarded: list[Flight] = []
            asked: list[Question] = []
            own = Flight(context, timeout)
            for question in questions:
                key = (question.key, context.limits.max_rows, context.limits.max_bytes)
                flight = self._flying.get(key)
                if flight is None:
                    flight = self._flying[key] = own
                    own.keys.append(key)
                    asked.append(question)
                flight.waiting += 1
                flight.report_to(context)
                boarded.append(flight)
        if asked:
            own.future.add_done_callback(lambda _: self._land(own))
            try:
                start(own, asked)
            except BaseException as error:
                with suppress(InvalidStateError):  # it did begin, and has ended
                    own.future.set_exception(error)  # or others would wait for what never began
                raise
        return boarded

    def wait(self, flight: Flight, context: CallContext) -> dict[Key, DataResponse]:
        """What the flight brings, by key. Raises as it did, or why `context` ended."""
        woken = threading.Event()
        flight.future.add_done_callback(lambda _: woken.set())
        with context.on_cancel(woken.set):
            woken.wait()
        if not flight.future.done():
            context.check()
        return flight.future.result()

    def leave(self, flight: Flight) -> None:
        """Wait no longer. The last one to leave ends the call, and does not wait for that."""
        with self._lock:
            flight.waiting -= 1
            if flight.waiting or flight.future.done():
                return
            self._forget(flight)
        flight.context.cancel_in(run_in_thread)

    def _land(self, flight: Flight) -> None:
        with self._lock:
            self._forget(flight)
        flight.context.close()

    def _forget(self, flight: Flight) -> None:
        for key in flight.keys:
            if self._flying.get(key) is flight:
                del self._flying[key]
