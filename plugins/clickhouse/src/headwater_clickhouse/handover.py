"""Batches from threads that produce them to the one that consumes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa

__all__ = ["Handover"]


class _End:
    """One producer has come to its end."""


class Handover:
    """Runs producers in threads of their own and yields their batches in the order in which they come.

    Holds at most `ahead` batches, so that a slow consumer slows its producers down. Leaving the `with` block
    ends the producers: `interrupt` is called to wake those that wait for their source, and all are joined.
    """

    def __init__(
        self, producers: Iterable[Iterable[pa.RecordBatch]], *, ahead: int, interrupt: Callable[[], object]
    ) -> None:
        self._ahead = ahead
        self._interrupt = interrupt
        self._items: deque[pa.RecordBatch | BaseException | _End] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, args=(batches,), name=f"clickhouse-read-{number}", daemon=True)
            for number, batches in enumerate(producers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
        if any(thread.is_alive() for thread in self._threads):
            self._interrupt()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Raises the first error of any producer."""
        running = len(self._threads)
        while running:
            match self._take():
                case _End():
                    running -= 1
                case BaseException() as error:
                    raise error
                case batch:
                    yield batch

    def _run(self, batches: Iterable[pa.RecordBatch]) -> None:
        try:
            for batch in batches:
                if not self._put(batch):
                    return
        except BaseException as error:
            self._put(error)
        else:
            self._put(_End())

    def _put(self, item: pa.RecordBatch | BaseException | _End) -> bool:
        """False once nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._ahead)
            if not self._stopped:
                self._items.append(item)
                self._changed.notify_all()
            return not self._stopped

    def _take(self) -> pa.RecordBatch | BaseException | _End:
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            self._changed.notify_all()
            return self._items.popleft()
