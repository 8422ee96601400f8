"""`InstanceManager`: one live object per data source and configuration, counted while used.

Closing a replaced instance after a fixed delay, as is customary, disposes objects in use or keeps dead
ones. Here the last user to leave closes it.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from .errors import DeadlineExceededError, PluginUnavailableError
from .models import PluginContext

__all__ = ["InstanceManager"]

T = TypeVar("T")
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 30.0
_IDLE_SECONDS = 3600.0
_SWEEP_SECONDS = 60.0


class InstanceManager(Generic[T]):
    """Builds, shares, replaces and closes instances; those unused for an hour go too. Thread-safe.

    `build` makes an instance from a plugin context; `close` frees one. A failed build is remembered and
    raised again, with a growing pause between tries (1 s to 30 s); a changed configuration is tried at once.
    """

    def __init__(
        self,
        build: Callable[[PluginContext], T],
        close: Callable[[T], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build = build
        self._close = close
        self._clock = clock
        self._condition = threading.Condition()
        self._slots: dict[Hashable, _Slot[T]] = {}
        self._retired: list[_Live[T]] = []
        self._stopped = False
        self._next_sweep = 0.0

    @contextmanager
    def use(self, context: PluginContext) -> Iterator[T]:
        """The instance for `context`, kept alive within the block.

        Raises what `build` raises, or PluginUnavailableError once stopped.
        """
        live = self.acquire(context)
        try:
            yield live.instance
        finally:
            self.release(live)

    def acquire(self, context: PluginContext) -> _Live[T]:
        """Like `use`, for work that outlives a block: give the result back to `release`, once."""
        key, configuration = _key(context), _configuration(context)
        with self._condition:
            if self._stopped:
                raise PluginUnavailableError("The plugin has been stopped.")
            idle = self._take_idle()
            slot = self._slots.setdefault(key, _Slot())
        self._close_all(idle)
        with slot.building:
            with self._condition:
                if slot.live is not None and slot.live.serves(configuration):
                    slot.live.users += 1
                    return slot.live
            slot.refuse_while_failing(configuration, self._clock())
            try:
                instance = self._build(context)
            except Exception as error:
                slot.remember_failure(configuration, error, self._clock())
                raise
            slot.failure = None
            live = _Live(instance, configuration, users=1)
            closable, stopped = self._install(slot, live)
        self._close_all(closable)
        if stopped:
            self.release(live)
            raise PluginUnavailableError("The plugin has been stopped.")
        return live

    def _install(self, slot: _Slot[T], live: _Live[T]) -> tuple[list[_Live[T]], bool]:
        """Put `live` in its place; what it replaces and can be closed, and whether `stop` came in between."""
        with self._condition:
            if self._stopped:
                return self._retire(live), True
            replaced, slot.live = slot.live, live
            return self._retire(replaced), False

    def release(self, live: _Live[T]) -> None:
        with self._condition:
            live.users -= 1
            live.last_used = self._clock()
            ended = live.retired and live.users == 0
            if ended and live in self._retired:
                self._retired.remove(live)
            self._condition.notify_all()
        if ended:
            self._close_all([live])

    def discard(self, context: PluginContext) -> None:
        """Forget the instance for `context`: a worker hangs in it, or its data source is gone.

        It is closed when its last user leaves, but `stop` does not wait for that.
        """
        with self._condition:
            slot = self._slots.pop(_key(context), None)
            live = slot.live if slot is not None else None
            if live is None:
                return
            live.retired = True
            idle = live.users == 0
        if idle:
            self._close_all([live])

    def stop(self, timeout: float = 10.0) -> None:
        """Refuse new users, wait up to `timeout` seconds for the present ones, close everything.

        Raises DeadlineExceededError if some instances were still in use; they are closed all the same.
        """
        with self._condition:
            self._stopped = True
            closable: list[_Live[T]] = []
            for slot in self._slots.values():
                closable += self._retire(slot.live)
            self._slots.clear()
        self._close_all(closable)
        with self._condition:
            drained = self._condition.wait_for(lambda: not self._retired, timeout)
            stragglers, self._retired = self._retired, []
        self._close_all(stragglers)
        if not drained:
            raise DeadlineExceededError(
                f"{len(stragglers)} data source(s) were still in use after {timeout:g} s and were closed."
            )

    def __len__(self) -> int:
        """How many instances are alive, the retired ones that are still used included."""
        with self._condition:
            return len(self._retired) + sum(slot.live is not None for slot in self._slots.values())

    def _take_idle(self) -> list[_Live[T]]:
        """Instances that nobody has used for an hour, taken out of their places; looked for once a minute."""
        now = self._clock()
        if now < self._next_sweep:
            return []
        self._next_sweep = now + _SWEEP_SECONDS
        idle = []
        for slot in self._slots.values():
            live = slot.live
            if live is not None and live.users == 0 and now - live.last_used > _IDLE_SECONDS:
                slot.live = None
                idle += self._retire(live)
        return idle

    def _retire(self, live: _Live[T] | None) -> list[_Live[T]]:
        """Mark `live` as replaced; the result is what can be closed now."""
        if live is None:
            return []
        live.retired = True
        if live.users == 0:
            return [live]
        self._retired.append(live)
        return []

    def _close_all(self, ended: list[_Live[T]]) -> None:
        for live in ended:
            with self._condition:
                already, live.closed = live.closed, True
            if not already:
                self._close(live.instance)


class _Live(Generic[T]):
    """An instance and the number of its users."""

    __slots__ = ("closed", "configuration", "instance", "last_used", "retired", "users")

    def __init__(self, instance: T, configuration: tuple[Any, ...], users: int) -> None:
        self.instance = instance
        self.configuration = configuration
        self.users = users
        self.last_used = 0.0
        self.retired = False
        self.closed = False

    def serves(self, configuration: tuple[Any, ...]) -> bool:
        """Equal configuration, or a request that still carries an older one than ours.

        Without the latter, two threads with cached settings of different age would rebuild in turn.
        """
        if self.configuration == configuration:
            return True
        (ds_id, version, _, config), (my_id, my_version, _, my_config) = configuration, self.configuration
        return bool(ds_id == my_id and config == my_config and version < my_version)


class _Slot(Generic[T]):
    """The place of one data source: its live instance, or why there is none."""

    def __init__(self) -> None:
        self.building = threading.Lock()
        self.live: _Live[T] | None = None
        self.failure: tuple[tuple[Any, ...], Exception, float, float] | None = None

    def refuse_while_failing(self, configuration: tuple[Any, ...], now: float) -> None:
        if self.failure is None:
            return
        failed, error, retry_at, _ = self.failure
        if failed == configuration and now < retry_at:
            again = copy.copy(error)
            raise again.with_traceback(None) from error

    def remember_failure(self, configuration: tuple[Any, ...], error: Exception, now: float) -> None:
        pause = _FIRST_RETRY_SECONDS
        if self.failure is not None and self.failure[0] == configuration:
            pause = min(_LAST_RETRY_SECONDS, 2 * self.failure[3])
        self.failure = (configuration, error, now + pause, pause)


def _key(context: PluginContext) -> Hashable:
    settings = context.data_source_instance_settings
    return (context.namespace, context.org_id, settings.uid if settings else None)


def _configuration(context: PluginContext) -> tuple[Any, ...]:
    settings = context.data_source_instance_settings
    config = tuple(sorted(context.config.items()))
    return (settings.id, settings.version, settings.updated, config) if settings else (0, 0, None, config)
