"""Lists for browsing and completion, kept for a while: editors ask for them again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeAlias

from headwater.calls.context import CallContext

__all__ = ["KEPT_SECONDS", "KeptAnswers", "Records"]

Records: TypeAlias = list[dict[str, Any]]

KEPT_SECONDS: Final = 60.0
_MOST_ANSWERS: Final = 500
_MOST_RECORDS: Final = 100_000


class KeptAnswers:
    """Answers by what was asked, for `seconds`; 0 keeps none. Calls that skip caches ask anew.

    Thread-safe.
    """

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()  # guards _kept
        self._kept: dict[Hashable, tuple[float, Records]] = {}

    def get(self, key: Hashable, ask: Callable[[], Records], context: CallContext) -> Records:
        """The answer to `key`: a kept one, or what `ask` returns now."""
        now = time.monotonic()
        with self._lock:
            found = self._kept.get(key)
        if found is not None and now - found[0] < self._seconds and not context.skip_cache:
            return found[1]
        records = ask()
        if self._seconds > 0:
            self._keep(key, records)
        return records

    def _keep(self, key: Hashable, records: Records) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (time.monotonic(), records)
            while len(self._kept) > _MOST_ANSWERS or self._records() > _MOST_RECORDS:
                del self._kept[next(iter(self._kept))]  # the oldest

    def _records(self) -> int:
        return sum(len(records) for _, records in self._kept.values())
