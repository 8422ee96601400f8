"""Streams: batches as they come, in bounded memory, ended by whoever has enough."""

from __future__ import annotations

import pyarrow as pa

from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend

_ROWS = 200_000


class StreamingChecks(ConformanceBase):
    @mend(
        "source.query",
        "yield record batches of some ten thousand rows while the driver reads them, and all of them",
    )
    def test_all_rows_come_in_several_batches(self, headwater: Headwater, source: str) -> None:
        self.need("streaming")
        with self.stream(headwater, source, self.probes.rows(_ROWS)) as stream:
            sizes = [batch.num_rows for batch in stream]
        assert sum(sizes) == _ROWS, f"Of probes.rows({_ROWS}) came {sum(sizes)} rows"
        assert len(sizes) > 1, f"All {_ROWS} rows came in one batch"

    @mend(
        "source.query",
        "read from the driver as batches are asked for (a server-side cursor, fetchmany), and keep none",
    )
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
        assert peak < total / 2, f"{peak:,} bytes of the answer's {total:,} were in memory at once"

    @mend(
        "source.query",
        "when the generator is closed, end the query at its source; reuse the connection only if it is clean",
    )
    def test_a_consumer_that_leaves_early_does_no_harm(self, headwater: Headwater, source: str) -> None:
        self.need("streaming")
        for _ in range(3):
            with self.stream(headwater, source, self.probes.rows(_ROWS)) as stream:
                next(stream)
        self.answers(headwater, source, "after a reader had left early")
