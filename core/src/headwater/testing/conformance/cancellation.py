"""Cancellation and deadlines: prompt, typed, and without lasting damage."""

from __future__ import annotations

import time

from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend

_END_IT = (
    "end the driver's call in context.on_cancel, by its cancel or by closing its socket; "
    "then context.check() raises the right error"
)


class CancellationChecks(ConformanceBase):
    @mend("source.query", _END_IT)
    def test_another_thread_can_cancel_a_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        started = time.monotonic()
        with self.cancelled_after(0.3) as context:
            error = self.error_of(headwater, source, slow, "it was cancelled", context=context, timeout=None)
        took = time.monotonic() - started
        assert isinstance(error, QueryCanceledError), f"The cancelled query gave {error!r}"
        assert took < 3.0, f"The query ended {took - 0.3:.1f} s after it was cancelled"
        assert headwater.query_service.abandoned == 0, "The query went on after it was cancelled"

    @mend("source.query", _END_IT)
    def test_a_deadline_ends_a_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        started = time.monotonic()
        error = self.error_of(headwater, source, slow, "its deadline was over", timeout=0.5)
        took = time.monotonic() - started
        assert isinstance(error, DeadlineExceededError), f"The query at its deadline gave {error!r}"
        assert took < 3.5, f"The query ended {took - 0.5:.1f} s after its deadline"
        assert headwater.query_service.abandoned == 0, "The query went on after its deadline"

    @mend(
        "source.query",
        "drop the connection of a cancelled query, or make sure that it is clean before the next",
    )
    def test_the_source_is_usable_after_a_cancelled_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        for _ in range(3):
            with self.cancelled_after(0.1) as context:
                self.error_of(headwater, source, slow, "it was cancelled", context=context, timeout=None)
            self.answers(headwater, source, "after a cancelled query")
