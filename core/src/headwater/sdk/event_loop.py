"""An event loop in a thread of its own, for data sources whose clients are asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Awaitable, Generator
from concurrent.futures import CancelledError, Future
from contextlib import nullcontext
from typing import Any, TypeVar

from headwater.calls.context import CallContext

__all__ = ["EventLoopThread"]

T = TypeVar("T")

_END: Any = object()
_CLOSE_SECONDS = 5.0
_CANCEL_SECONDS = 1.0


class EventLoopThread:
    """Runs coroutines for threads that wait. Thread-safe; the loop starts with the first of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards the two below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def wait(self, awaitable: Awaitable[T], context: CallContext | None = None) -> T:
        """What `awaitable` gives. Context variables are carried over.

        The end of `context` cancels it, and is raised when that has ended it, or a second later.
        """
        future, ended = self._submit(awaitable)
        left = _CLOSE_SECONDS if context is None else context.remaining()
        with nullcontext() if context is None else context.on_cancel(future.cancel):
            try:
                return future.result(left)
            except (CancelledError, TimeoutError):
                future.cancel()
                ended.wait(_CANCEL_SECONDS)
                if context is not None:
                    context.check()
                raise

    def iterate(self, items: AsyncIterable[T], context: CallContext) -> Generator[T, None, None]:
        """The items, each made when it is asked for. Closing the generator closes `items`."""
        iterator = aiter(items)
        try:
            while (item := self.wait(anext(iterator, _END), context)) is not _END:
                yield item
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                self.wait(close())

    def close(self) -> None:
        """Cancel what runs, and end the thread. Any number of times."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSE_SECONDS)

    def _submit(self, awaitable: Awaitable[T]) -> tuple[Future[T], threading.Event]:
        """The outcome, which may be cancelled, and what tells when the task behind it is over."""
        loop, ended = self._running(), threading.Event()

        async def run() -> T:
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(lambda _: ended.set())
            return await awaitable

        return asyncio.run_coroutine_threadsafe(run(), loop), ended

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    stopped = False
    try:
        while not stopped:
            try:
                loop.run_forever()
                stopped = True
            except (KeyboardInterrupt, SystemExit):  # of one coroutine, whose task has it: no end for others
                continue
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_CANCEL_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
