"""Items from threads that produce them to the one that consumes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from attrs import frozen

__all__ = ["PrefetchQueue"]

T = TypeVar("T")


@frozen
class _Failed:
    error: BaseException


class _End:
    """One producer has come to its end."""


class PrefetchQueue(Generic[T]):
    """Runs each producer in a thread of its own and yields their items in the order in which they come.

    Holds at most `ahead` items, so that a slow consumer slows its producers down. `close`, or the end of the
    `with` block, ends the producers: `interrupt` is called to wake those that wait for their source, and all
    are joined. A producer that is a generator is closed in its own thread. `name` begins the threads' names.
    """

    def __init__(
        self,
        producers: Iterable[Iterable[T]],
        *,
        ahead: int,
        interrupt: Callable[[], object],
        name: str = "headwater-read",
    ) -> None:
        self._ahead = ahead
        self._interrupt = interrupt
        self._items: deque[T | _Failed | _End] = deque()
        self._changed = threading.Condition()  # guards the items and whether it is stopped
        self._stopped = False
        self._waiting = [
            threading.Thread(target=self._run, args=(items,), name=f"{name}-{number}", daemon=True)
            for number, items in enumerate(producers)
        ]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Let the producers begin. Once only; if a thread cannot be had, those that began are ended."""
        try:
            for thread in self._waiting:
                thread.start()
                self._threads.append(thread)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[T]:
        """Ends when all producers have, or on `stop`. Raises the first error of any producer."""
        running = len(self._threads)
        while running:
            match self._take():
                case _End():
                    running -= 1
                case _Failed(error):
                    raise error
                case item:
                    yield item

    def stop(self) -> None:
        """Drop what is ready and end the iteration; producers end at their next item. From any thread."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, interrupt the producers that still run, and wait for them. Any number of times."""
        self.stop()
        if any(thread.is_alive() for thread in self._threads):
            self._interrupt()
        for thread in self._threads:
            thread.join()

    def _run(self, producer: Iterable[T]) -> None:
        try:
            items = iter(producer)
            try:
                for item in items:
                    if not self._put(item):
                        return
            finally:
                if isinstance(items, Generator):
                    items.close()
        except BaseException as error:
            self._put(_Failed(error))
        else:
            self._put(_End())

    def _put(self, item: T | _Failed | _End) -> bool:
        """False once nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._ahead)
            if not self._stopped:
                self._items.append(item)
                self._changed.notify_all()
            return not self._stopped

    def _take(self) -> T | _Failed | _End:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._items)
            if not self._items:
                return _End()
            self._changed.notify_all()
            return self._items.popleft()
