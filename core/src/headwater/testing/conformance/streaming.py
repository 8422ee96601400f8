"""Streams: batches as they come, in bounded memory, ended by whoever has enough."""

from __future__ import annotations

import pyarrow as pa

from headwater.host import Headwater

from .base import ConformanceBase

_ROWS = 200_000


class StreamingChecks(ConformanceBase):
    def test_all_rows_come_in_several_batches(self, headwater: Headwater, source: str) -> None:
        self.need("streaming")
        with self.stream(headwater, source, self.probes.rows(_ROWS)) as stream:
            sizes = [batch.num_rows for batch in stream]
        assert sum(sizes) == _ROWS
        assert len(sizes) > 1

    def test_memory_stays_bounded_while_batches_are_thrown_away(
        self, headwater: Headwater, source: str
    ) -> None:
        """Never more than half of what went through is held in Arrow's memory pool at once."""
        self.need("streaming")
        before = pa.total_allocated_bytes()
        peak = total = 0
        with self.stream(headwater, source, self.probes.rows(5 * _ROWS)) as stream:
            for batch in stream:
                total += batch.nbytes
                peak = max(peak, pa.total_allocated_bytes() - before)
        assert peak < total / 2

    def test_a_consumer_that_leaves_early_does_no_harm(self, headwater: Headwater, source: str) -> None:
        self.need("streaming")
        for _ in range(3):
            with self.stream(headwater, source, self.probes.rows(_ROWS)) as stream:
                next(stream)
        assert self.ask(headwater, source, self.probes.simple)
