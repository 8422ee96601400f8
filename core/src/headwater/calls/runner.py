"""`CallRunner`: runs calls into plugins in workers that can be abandoned, and ends them all at once."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from headwater.errors import DeadlineExceededError

from .context import run_in_thread

if TYPE_CHECKING:
    from headwater.models import PluginContext

    from .context import CallContext
    from .worker_pool import Workers

__all__ = ["CallRunner"]

_SOON = 0.005  # seconds; answers that come sooner need no watch for the end of their call
P = ParamSpec("P")
R = TypeVar("R")


class CallRunner:
    """Runs calls in worker threads. Thread-safe.

    When a call is over, by deadline or cancellation, the plugin has `grace` seconds to come back; then its
    worker is abandoned, the data source's instance replaced, and `abandoned` counted.
    """

    def __init__(
        self, workers: Workers, discard_instance: Callable[[PluginContext], None], *, grace: float = 5.0
    ) -> None:
        self._workers = workers
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

    def start(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `call` in a worker, with the context variables of this thread."""
        task: Callable[[], R] = partial(call, *args, **kwargs)
        return self._workers.submit(contextvars.copy_context().run, task)

    def wait(self, future: Future[R], context: CallContext, plugin_context: PluginContext) -> R:
        """The future's result; once the call is over, for `grace` more seconds.

        Raises what the future raises; DeadlineExceededError, or QueryCanceledError if the caller cancelled,
        after abandoning the worker, or if none had begun with the call. An interrupted
        thread (Ctrl-C) cancels the call.
        """
        try:
            if not _done(future, _SOON):
                self._wait_for_end(future, context)
        except BaseException:
            context.cancel_in(run_in_thread)
            raise
        if not future.done():
            self._abandon(context, plugin_context)
        return future.result()

    def _wait_for_end(self, future: Future[Any], context: CallContext) -> None:
        """Until the future is done, or `grace` seconds after the call is over."""
        woken = threading.Event()
        future.add_done_callback(lambda _: woken.set())
        with context.on_cancel(woken.set):
            woken.wait()
        if future.cancel():  # no worker was free
            context.check()
        _done(future, self._grace)

    def _abandon(self, context: CallContext, plugin_context: PluginContext) -> None:
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
            raise ended.fresh()
        raise DeadlineExceededError(
            f"Plugin {plugin_context.plugin_id!r} did not return within {self._grace:g} s after the end of "
            "the call; its data source will be rebuilt."
        )


def _done(future: Future[Any], seconds: float) -> bool:
    """Whether the future is done within `seconds`."""
    try:
        future.exception(timeout=seconds)
    except TimeoutError:
        return future.done()
    except CancelledError:
        return True
    return True
