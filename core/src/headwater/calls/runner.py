"""`CallRunner`: runs calls into plugins in workers that can be abandoned, and ends them all at once."""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from headwater.errors import DeadlineExceededError, HeadwaterError, QueryCanceledError

from .context import run_in_thread
from .deadlines import shared_watchdog
from .worker_pool import CallerThread

if TYPE_CHECKING:
    from headwater.models import PluginContext

    from .context import CallContext, CancelRegistration
    from .deadlines import Alarm
    from .worker_pool import Workers

__all__ = ["CallRunner"]

A = TypeVar("A")
R = TypeVar("R")

_LOOK_SECONDS = 0.2


class CallRunner:
    """Runs calls in worker threads. Thread-safe.

    When a call is over, by deadline or cancellation, the plugin has `grace` seconds to come back; then its
    worker is abandoned, the data source's instance replaced, and `abandoned` counted. Nobody waits for that
    but the caller: timers end the call's future.
    """

    def __init__(
        self, workers: Workers, discard_instance: Callable[[PluginContext], None], *, grace: float = 5.0
    ) -> None:
        self._workers = workers
        self.in_callers_thread: bool = isinstance(workers, CallerThread)
        self._discard_instance = discard_instance
        self._grace = grace
        self._lock = threading.Lock()  # guards the two below
        self._open: weakref.WeakSet[CallContext] = weakref.WeakSet()
        self.abandoned: int = 0

    def watch(self, context: CallContext) -> CallContext:
        """Have `cancel_all` end `context`, too."""
        with self._lock:
            self._open.add(context)
        return context

    def cancel_all(self, reason: str) -> None:
        """End every watched call that is still going on. Does not wait for what that takes."""
        with self._lock:
            contexts = list(self._open)
        for context in contexts:
            context.cancel_in(run_in_thread, reason)

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        """Run `task` in a worker, with the context variables of this thread."""
        return self._workers.submit(contextvars.copy_context().run, task)

    def start(
        self,
        call: Callable[[], R],
        context: CallContext,
        plugin_context: PluginContext,
        on_end: Callable[[Future[R]], object] | None = None,
        *,
        here: bool = False,
    ) -> Future[R]:
        """Run a call into a plugin: in a worker, or `here`, in this thread, which is a worker's.

        The future ends with the call, or with DeadlineExceededError, or QueryCanceledError if the caller
        cancelled: `grace` seconds after the end of the call, or at once if no worker had begun with it.
        `on_end` is called with it in whatever thread ends it.
        """
        started = _Call(call, context, self._grace, partial(self._abandon, context, plugin_context))
        if on_end is not None:
            started.future.add_done_callback(on_end)
        if here:
            started.watch()
            started.run()
        else:
            started.watch(self.submit(started.run))
        return started.future

    def begin(
        self,
        begin: Callable[[Callable[[Future[A]], None]], object],
        context: CallContext,
        then: Callable[[Future[A]], R],
    ) -> Future[R]:
        """Start a call, and whatever may block before it, without waiting: `begin`, in a worker, calls what
        it is given with the future of the call once that has ended.

        The result ends with what `then` makes of that future, in the worker that ends it, and so does
        `context`.
        """
        outcome: Future[R] = Future()
        outcome.set_running_or_notify_cancel()

        def run() -> None:
            try:
                begin(end)
            except BaseException as error:
                failed: Future[A] = Future()
                failed.set_exception(error)
                end(failed)

        def end(ended: Future[A]) -> None:
            try:
                result = then(ended)
            except BaseException as error:
                context.close()
                outcome.set_exception(error)
            else:
                context.close()
                outcome.set_result(result)

        self.submit(run)
        return outcome

    def wait(self, start: Callable[[], Future[R]], context: CallContext) -> R:
        """The result of what `start` starts. An interrupted thread (Ctrl-C) cancels the call."""
        try:
            return _result(start())
        except Exception:
            raise
        except BaseException:
            context.cancel_in(run_in_thread)
            raise

    def _abandon(self, context: CallContext, plugin_context: PluginContext) -> HeadwaterError:
        """Give a worker up that hangs in the data source of `plugin_context`; why its call ended."""
        with self._lock:
            self.abandoned += 1
        self._discard_instance(plugin_context)
        context.logger.error(
            "A plugin did not return after its call was over; its worker was abandoned.",
            plugin=plugin_context.plugin_id,
            abandoned=self.abandoned,
        )
        ended = context.cancel_reason
        if ended is not None and not isinstance(ended, DeadlineExceededError):
            return ended.fresh()
        return DeadlineExceededError(
            f"Plugin {plugin_context.plugin_id!r} did not return within {self._grace:g} s after the end of "
            "the call; its data source will be rebuilt."
        )


class _Call(Generic[R]):
    """One call into a plugin, whose future ends even if the plugin never comes back."""

    def __init__(
        self,
        call: Callable[[], R],
        context: CallContext,
        grace: float,
        abandon: Callable[[], HeadwaterError],
    ) -> None:
        self.future: Future[R] = Future()
        self.future.set_running_or_notify_cancel()
        self._call: Callable[[], R] | None = call
        self._context = context
        self._grace = grace
        self._abandon = abandon
        self._task: Future[Any] | None = None
        self._registration: CancelRegistration | None = None
        self._alarm: Alarm | None = None

    def run(self) -> None:
        """In a worker."""
        call, self._call = self._call, None
        assert call is not None
        try:
            result = call()
        except BaseException as error:
            self._fail(error)
        else:
            self._forget()
            with suppress(InvalidStateError):  # it has been given up
                self.future.set_result(result)

    def watch(self, task: Future[Any] | None = None) -> None:
        """Follow the end of the call's context. `task` is the worker's, which may not have begun yet."""
        self._task = task
        if not self.future.done():
            self._registration = self._context.on_cancel(self._over)
            if self.future.done():
                self._forget()

    def _over(self) -> None:
        if self._task is not None and self._task.cancel():  # no worker was free
            self._fail(_reason(self._context))
            return
        self._alarm = shared_watchdog().schedule(time.monotonic() + self._grace, self._give_up)
        if self.future.done():
            self._forget()

    def _give_up(self) -> None:
        if not self.future.done():  # pragma: no branch - it came back as its time ran out
            self._fail(self._abandon())

    def _fail(self, error: BaseException) -> None:
        self._forget()
        with suppress(InvalidStateError):  # it came back at the very moment it was given up, or too late
            self.future.set_exception(error)

    def _forget(self) -> None:
        """Leave nothing that refers back here: the result must not wait for the garbage collector."""
        registration, self._registration = self._registration, None
        alarm, self._alarm = self._alarm, None
        if registration is not None:
            registration.remove()
        if alarm is not None:
            alarm.cancel()


def _result(future: Future[R]) -> R:
    """Polars, among others, has the kernel go on with a wait after Ctrl-C; so look up now and then."""
    while True:
        try:
            return future.result(_LOOK_SECONDS)
        except TimeoutError:
            if future.done():  # with this error, or just now
                return future.result()


def _reason(context: CallContext) -> HeadwaterError:
    reason = context.cancel_reason
    return reason.fresh() if reason is not None else QueryCanceledError("The query was cancelled.")
