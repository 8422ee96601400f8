"""Several threads at once: the same answers, within the limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend

_THREADS = 6
_QUERIES = 36


class ConcurrencyChecks(ConformanceBase):
    @mend(
        "source.query", "keep what belongs to one query in local variables; several threads call it at once"
    )
    def test_threads_see_the_answers_a_single_one_sees(self, headwater: Headwater, source: str) -> None:
        sizes = [1 + number % 7 for number in range(_QUERIES)]
        expected = {size: self.ask(headwater, source, self.probes.rows(size)) for size in set(sizes)}
        with ThreadPoolExecutor(_THREADS) as threads:
            answers = list(
                threads.map(lambda size: self.ask(headwater, source, self.probes.rows(size)), sizes)
            )
        for size, answer in zip(sizes, answers, strict=True):
            assert answer == expected[size], f"Beside other threads, probes.rows({size}) gave another answer"
