"""Ends statements at the server, through a control connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from headwater.errors import DownstreamServerError, HeadwaterError
from headwater_mysql.connection import Connection
from headwater_mysql.errors import is_out_of_connections

KILL_SECONDS: Final = 5.0
"""How long the control connection may take. The caller does not wait for it."""

_RETRY_SECONDS = 0.02
_LOOK_AGAIN_SECONDS = 0.002
_LONGEST_TURN_SECONDS = 0.5

_NO_SUCH_THREAD = 1094


class QueryCanceller:
    """Kills server threads in the background, so that whoever cancels is never held up by the network.

    The whole server thread is killed and not just its query: the connection is given up anyway, and a
    statement that was sent but not yet begun would survive KILL QUERY.

    MariaDB's KILL holds a lock of the thread that it wakes while it tries for the lock which all threads in
    `SLEEP()` share; a sleeper that another KILL has just woken holds that one and wants the first. Both wait
    then, until KILL gives up after two seconds. So there a KILL is sent when the thread of the one before has
    left its sleep.
    """

    def __init__(self, connect: Callable[[float], Connection], logger: Any) -> None:
        self._connect = connect
        self._logger = logger
        self._turn = threading.Lock()
        self._lock = threading.Lock()  # guards the threads below
        self._running: set[threading.Thread] = set()

    def kill(self, thread_id: int) -> None:
        thread = threading.Thread(
            target=self._kill, args=(thread_id,), name=f"headwater-mysql-kill-{thread_id}", daemon=True
        )
        try:
            with self._lock:
                thread.start()
                self._running.add(thread)
        except RuntimeError:  # Python 3.12 starts no thread any more once it exits
            self._kill(thread_id)

    def close(self) -> None:
        """Wait for the kills under way."""
        with self._lock:
            running = list(self._running)
        for thread in running:
            thread.join(KILL_SECONDS + 1)

    def _kill(self, thread_id: int) -> None:
        try:
            control = self._connected()
            try:
                with control.within(KILL_SECONDS), self._in_turn():
                    control.command(f"KILL {thread_id}")
                    if control.session.is_mariadb:
                        _await_waking(control, thread_id)
            finally:
                control.close()
        except DownstreamServerError as error:
            if error.code != _NO_SUCH_THREAD:  # the thread has ended by itself
                self._complain(thread_id, error)
        except HeadwaterError as error:
            self._complain(thread_id, error)
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())

    def _connected(self) -> Connection:
        """A control connection, tried for while there is no room for one: each KILL makes some."""
        deadline = time.monotonic() + KILL_SECONDS
        while True:
            try:
                return self._connect(deadline - time.monotonic())
            except HeadwaterError as error:
                if not is_out_of_connections(error) or time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
            time.sleep(_RETRY_SECONDS)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One at a time; one whose server does not answer holds up nobody for long."""
        mine = self._turn.acquire(timeout=_LONGEST_TURN_SECONDS)
        try:
            yield
        finally:
            if mine:
                self._turn.release()

    def _complain(self, thread_id: int, error: HeadwaterError) -> None:
        if self._logger is not None:
            self._logger.warning(
                "A cancelled statement could not be killed at the server.",
                thread_id=thread_id,
                exc_info=error,
            )


def _await_waking(control: Connection, thread_id: int) -> None:
    where = f"ID = {thread_id} AND STATE = 'User sleep'"
    asleep = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE {where}"  # noqa: S608
    end = time.monotonic() + _LONGEST_TURN_SECONDS
    while time.monotonic() < end:
        answer = control.execute(asleep, binary=False)
        if not sum(batch.num_rows for batch in answer.batches()):
            return
        time.sleep(_LOOK_AGAIN_SECONDS)
