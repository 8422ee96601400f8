"""`InstanceManager`: one shared object per data source and configuration, counted while used.

Closing a replaced instance after a fixed delay, as is customary, disposes objects in use or keeps dead
ones. Here the last user to leave closes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from headwater.errors import DeadlineExceededError, HeadwaterError, PluginUnavailableError, describe
from headwater.logs import get_logger
from headwater.models import PluginContext

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
        self._condition = threading.Condition()  # guards all below, and the users of each instance
        self._slots: dict[Hashable, _Slot[T]] = {}
        self._retired: set[_SharedInstance[T]] = set()
        self._stopped = False
        self._next_sweep = 0.0

    @contextmanager
    def use(self, context: PluginContext) -> Iterator[T]:
        """The instance for `context`, kept alive within the block.

        Raises what `build` raises, or PluginUnavailableError once stopped.
        """
        shared = self.acquire(context)
        try:
            yield shared.value
        finally:
            self.release(shared)

    def acquire(self, context: PluginContext) -> _SharedInstance[T]:
        """Like `use`, for work that outlives a block: give the result back to `release`, once."""
        key, configuration = _key(context), _configuration(context)
        with self._condition:
            if self._stopped:
                raise _stopped()
            idle = self._take_idle()
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
            shared = slot.enter(configuration)
        self._close_all(idle)
        if shared is not None:
            return shared
        with slot.building:
            with self._condition:
                shared = slot.enter(configuration)  # another thread may have built it meanwhile
            return shared or self._build_in(slot, key, context, configuration)

    def release(self, shared: _SharedInstance[T]) -> None:
        with self._condition:
            shared.users -= 1
            shared.last_used = self._clock()
            ended = shared.retired and shared.users == 0
            if ended:
                self._retired.discard(shared)
                self._condition.notify_all()
        if ended:
            self._close_all([shared])

    def discard(self, context: PluginContext) -> None:
        """Forget the instance for `context`: a worker hangs in it, or its data source is gone.

        It is closed when its last user leaves, but `stop` does not wait for that. One that is being built
        serves those who wait for it and nobody else.
        """
        with self._condition:
            slot = self._slots.pop(_key(context), None)
            shared = slot.shared if slot is not None else None
            if shared is None:
                return
            shared.retired = True
            idle = shared.users == 0
        if idle:
            self._close_all([shared])

    def stop(self, timeout: float = 10.0) -> None:
        """Refuse new users, wait up to `timeout` seconds for the present ones, close everything.

        Raises DeadlineExceededError if some instances were still in use; they are closed all the same.
        """
        with self._condition:
            self._stopped = True
            closable: list[_SharedInstance[T]] = []
            for slot in self._slots.values():
                closable += self._retire(slot.shared)
            self._slots.clear()
        self._close_all(closable)
        with self._condition:
            self._condition.wait_for(lambda: not self._retired, timeout)
            stragglers = list(self._retired)
            self._retired.clear()
        self._close_all(stragglers)
        if stragglers:
            raise DeadlineExceededError(
                f"{len(stragglers)} data source(s) were still in use after {timeout:g} s and were closed."
            )

    def __len__(self) -> int:
        """How many instances are alive, the retired ones that are still used included."""
        with self._condition:
            return len(self._retired) + sum(slot.shared is not None for slot in self._slots.values())

    def _build_in(
        self, slot: _Slot[T], key: Hashable, context: PluginContext, configuration: _Configuration
    ) -> _SharedInstance[T]:
        slot.refuse_while_failing(configuration, self._clock())
        try:
            instance = self._build(context)
        except Exception as error:
            slot.remember_failure(configuration, error, self._clock())
            raise
        slot.failure = None
        shared = _SharedInstance(instance, configuration)
        with self._condition:
            if self._stopped:
                closable = self._retire(shared)
            elif self._slots.get(key) is not slot:  # discarded while it was built
                shared.users, shared.retired = 1, True
                closable = []
            else:
                replaced, slot.shared, shared.users = slot.shared, shared, 1
                closable = self._retire(replaced)
        self._close_all(closable)
        if shared in closable:
            raise _stopped()
        return shared

    def _take_idle(self) -> list[_SharedInstance[T]]:
        """The instances unused for an hour, taken out of their slots. Looks at most once a minute."""
        now = self._clock()
        if now < self._next_sweep:
            return []
        self._next_sweep = now + _SWEEP_SECONDS
        idle = []
        for slot in self._slots.values():
            shared = slot.shared
            if shared is not None and shared.users == 0 and now - shared.last_used > _IDLE_SECONDS:
                slot.shared = None
                idle += self._retire(shared)
        return idle

    def _retire(self, shared: _SharedInstance[T] | None) -> list[_SharedInstance[T]]:
        """Mark `shared` as replaced; the result is what can be closed now."""
        if shared is None:
            return []
        shared.retired = True
        if shared.users == 0:
            return [shared]
        self._retired.add(shared)
        return []

    def _close_all(self, ended: list[_SharedInstance[T]]) -> None:
        """Close each once. What that raises is logged: it is nobody's fault who uses another instance."""
        for shared in ended:
            with self._condition:
                already, shared.closed = shared.closed, True
            if already:
                continue
            try:
                self._close(shared.value)
            except Exception:
                get_logger("headwater.plugins.plugin").warning("Closing a data source failed.", exc_info=True)


_Configuration = tuple[Any, ...]


class _SharedInstance(Generic[T]):
    """An instance and the number of its users."""

    __slots__ = ("closed", "configuration", "last_used", "retired", "users", "value")

    def __init__(self, value: T, configuration: _Configuration) -> None:
        self.value: T = value
        self.configuration: _Configuration = configuration
        self.users: int = 0
        self.last_used: float = 0.0
        self.retired: bool = False
        self.closed: bool = False

    def serves(self, configuration: _Configuration) -> bool:
        """Equal configuration, or a request that still carries an older one than ours.

        Without the latter, two threads with cached settings of different age would rebuild in turn.
        """
        if self.configuration == configuration:
            return True
        (ds_id, version, _, config), (my_id, my_version, _, my_config) = configuration, self.configuration
        return bool(ds_id == my_id and config == my_config and version < my_version)


class _Slot(Generic[T]):
    """What is known of one data source: its shared instance, or the failure to build it."""

    def __init__(self) -> None:
        self.building = threading.Lock()  # held by the one thread that builds
        self.shared: _SharedInstance[T] | None = None
        self.failure: _Failure | None = None

    def enter(self, configuration: _Configuration) -> _SharedInstance[T] | None:
        """The shared instance, with one more user,, if it serves `configuration`."""
        if self.shared is None or not self.shared.serves(configuration):
            return None
        self.shared.users += 1
        return self.shared

    def refuse_while_failing(self, configuration: _Configuration, now: float) -> None:
        failure = self.failure
        if failure is not None and failure.configuration == configuration and now < failure.retry_at:
            raise failure.error.fresh()

    def remember_failure(self, configuration: _Configuration, error: Exception, now: float) -> None:
        pause = _FIRST_RETRY_SECONDS
        if self.failure is not None and self.failure.configuration == configuration:
            pause = min(_LAST_RETRY_SECONDS, 2 * self.failure.pause)
        self.failure = _Failure(configuration, describe(error), pause, now + pause)


class _Failure:
    """A build that failed, when to try again, and how long the pause before that is, in seconds."""

    __slots__ = ("configuration", "error", "pause", "retry_at")

    def __init__(
        self, configuration: _Configuration, error: HeadwaterError, pause: float, retry_at: float
    ) -> None:
        self.configuration = configuration
        self.error = error
        self.pause = pause
        self.retry_at = retry_at


def _stopped() -> PluginUnavailableError:
    return PluginUnavailableError("The plugin has been stopped.")


def _key(context: PluginContext) -> Hashable:
    settings = context.data_source_instance_settings
    return (context.namespace, context.org_id, settings.uid if settings else None)


def _configuration(context: PluginContext) -> _Configuration:
    settings = context.data_source_instance_settings
    if settings is None:
        return (0, 0, None, context.config)
    return (settings.id, settings.version, settings.updated, context.config)
