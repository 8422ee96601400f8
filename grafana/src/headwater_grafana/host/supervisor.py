"""`Supervisor`: keeps one plugin's process: started when it is needed, and again when it has died."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import grpc

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, PluginUnavailableError
from headwater_grafana.protocol.services import Stub

from .process import PluginProcess

R = TypeVar("R")
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_SETTLED_SECONDS = 60.0
"""A process that has lived so long has not died of its start."""


class Running:
    """A process that answers, and the channel to it."""

    def __init__(self, process: PluginProcess, channel: grpc.Channel) -> None:
        self.process = process
        self.channel = channel
        self._stubs: dict[str, Stub] = {}

    def method(self, service: str, name: str) -> Any:
        """A method whose answers are iterated over, also where there is one only."""
        stub = self._stubs.get(service)
        if stub is None:
            stub = self._stubs[service] = Stub(self.channel, service, as_streams=True)
        return getattr(stub, name)


class Supervisor:
    """Thread-safe. The first process that dies is replaced at the next call; those after it after a pause of
    1 s, then twice as long each time, up to 30 s. A call during a pause fails, and may be tried again.
    """

    def __init__(self, plugin_id: str, start: Callable[[], PluginProcess]) -> None:
        self._plugin_id = plugin_id
        self._start = start
        self._lock = threading.Lock()  # guards all below
        self._process: PluginProcess | None = None
        self._running: Running | None = None
        self._deaths = 0
        self._not_before = 0.0
        self._last_end = ""
        self._stopped = False
        self.restarts: int = 0
        """How often a process was started in the place of one that had died."""
        self._restart_listeners: list[Callable[[], object]] = []

    @property
    def process(self) -> PluginProcess | None:
        """The present one, which may have ended; None before the first."""
        return self._process

    def on_restart(self, listener: Callable[[], object]) -> None:
        """Call `listener` with each restart. It must be quick: calls wait for it."""
        self._restart_listeners.append(listener)

    def running(self, context: CallContext | None = None) -> Running:
        """The process, started if need be; `context` bounds the wait.

        Raises PluginUnavailableError, and what `context` says when it is over.
        """
        process = self._alive()
        try:
            channel = _result(process.ready, context)
        except PluginUnavailableError as error:
            self._has_died(process, str(error))
            raise
        running = self._running
        if running is None or running.process is not process:
            running = self._running = Running(process, channel)
        return running

    def has_ended(self, process: PluginProcess) -> PluginUnavailableError:
        """What to say to a call that was going on when `process` ended."""
        self._has_died(process, process.how_it_ended)
        return PluginUnavailableError(
            f"The process of plugin {self._plugin_id!r} {process.how_it_ended} during the call; "
            "the next call starts it again.",
            retryable=True,
        )

    def stop(self) -> None:
        """End the process, and start no other. Safe to repeat."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            process.stop()

    def _alive(self) -> PluginProcess:
        with self._lock:
            if self._stopped:
                raise PluginUnavailableError(f"Plugin {self._plugin_id!r} has been stopped.")
            process = self._process
            if process is not None and not process.ended:
                return process
            if process is not None:
                self._note_death(process, process.how_it_ended)
            self._refuse_during_pause()
            if process is not None:
                self.restarts += 1
                for listener in self._restart_listeners:
                    listener()
            self._process = self._start()
            return self._process

    def _has_died(self, process: PluginProcess, how: str) -> None:
        with self._lock:
            self._note_death(process, how)

    def _note_death(self, process: PluginProcess, how: str) -> None:
        """Once for each process."""
        if process.end_is_counted:
            return
        process.end_is_counted = True
        now = time.monotonic()
        self._deaths = 1 if now - process.started > _SETTLED_SECONDS else self._deaths + 1
        pause = 0.0 if self._deaths == 1 else _FIRST_PAUSE * 2.0 ** min(self._deaths - 2, 10)
        self._not_before = now + min(pause, _LONGEST_PAUSE)
        self._last_end = how

    def _refuse_during_pause(self) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            raise PluginUnavailableError(
                f"Plugin {self._plugin_id!r} is not running: its process {self._last_end}. "
                f"It can be started again in {max(left, 1):.0f} s.",
                retryable=True,
            )


def _result(future: Future[R], context: CallContext | None) -> R:
    if context is None:
        return future.result()
    if not future.done():
        either = threading.Event()
        future.add_done_callback(lambda _: either.set())
        with context.on_cancel(either.set):
            either.wait()
        if not future.done():
            context.check()
    try:
        return future.result()
    except HeadwaterError as error:
        raise error.fresh() from error.__cause__
