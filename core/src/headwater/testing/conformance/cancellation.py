"""Cancellation and deadlines: prompt, typed, and without lasting damage."""

from __future__ import annotations

import time

from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.host import Headwater

from .base import ConformanceBase


class CancellationChecks(ConformanceBase):
    def test_another_thread_can_cancel_a_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        started = time.monotonic()
        with self.cancelled_after(0.3) as context:
            error = self.error_of(headwater, source, slow, context=context, timeout=None)
        assert isinstance(error, QueryCanceledError), repr(error)
        assert time.monotonic() - started < 3.0
        assert headwater.query_service.abandoned == 0, "the worker did not come back by itself"

    def test_a_deadline_ends_a_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        started = time.monotonic()
        error = self.error_of(headwater, source, slow, timeout=0.5)
        assert isinstance(error, DeadlineExceededError), repr(error)
        assert time.monotonic() - started < 3.5
        assert headwater.query_service.abandoned == 0, "the worker did not come back by itself"

    def test_the_source_is_usable_after_a_cancelled_query(self, headwater: Headwater, source: str) -> None:
        self.need("cancel")
        slow = self.probe("slow")
        for _ in range(3):
            with self.cancelled_after(0.1) as context:
                self.error_of(headwater, source, slow, context=context, timeout=None)
            assert self.ask(headwater, source, self.probes.simple)
