"""Several processes that answer on one address: a parent accepts, and hands each connection to a worker.

The parent alone listens, so that no connection is lost when a worker ends, and so that all get their share:
processes that accept from one socket leave most of it to whoever wakes first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from prometheus_client.multiprocess import mark_process_dead

from headwater.logs import get_logger
from headwater_server.metrics import METRICS_FOLDER

from .listen import ListenOptions

READY: Final = b"r"
CONNECTION: Final = b"c"

_spawn = get_context("spawn")  # a fork would take the parent's threads and locks along, half
_AFTER_DRAIN_SECONDS = 10.0
_FAILED_STARTS = 3
_PAUSE_SECONDS = 1.0
_MOST_DOUBLINGS = 5

Work = Callable[[socket.socket], None]
"""What a worker does with its end of the channel: serve until its other end is closed. Must be picklable."""


Changes = Callable[[], AsyncIterator[list[Path]]]
"""Files that changed, together, as they do."""


class WorkersFailedError(Exception):
    """Workers end before they are ready, again and again."""


def serve_workers(
    work: Work,
    count: int,
    listen: ListenOptions,
    sockets: list[socket.socket],
    changes: Changes | None = None,
) -> None:
    """Serve with `count` processes until a signal says to stop, on `sockets`, or else the Unix socket.

    At each of the `changes` of files all workers are replaced. Their metrics are joined, by way of files in a
    temporary folder. Raises WorkersFailedError, and OSError if the Unix socket cannot be had.
    """
    listening = sockets[0] if sockets else listen.bind_unix()
    with tempfile.TemporaryDirectory(prefix="headwater-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        pool = WorkerPool(
            work,
            count,
            listening,
            drain_timeout=listen.drain_timeout + _AFTER_DRAIN_SECONDS,
            on_death=lambda pid: mark_process_dead(pid, folder),  # type: ignore[no-untyped-call]
        )
        try:
            asyncio.run(pool.run(changes))
        finally:
            if listen.unix_socket is not None:
                listen.unix_socket.unlink(missing_ok=True)


class Worker:
    """A process, and the parent's end of the channel to it."""

    def __init__(self, work: Work) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.channel.setblocking(False)
        self.process: BaseProcess = _spawn.Process(target=work, args=(theirs,), name="headwater-worker")
        self.process.start()
        theirs.close()
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()

    def give(self, connection: socket.socket) -> bool:
        """False if the worker takes no more at the moment, or has ended."""
        try:
            socket.send_fds(self.channel, [CONNECTION], [connection.fileno()])
        except OSError:
            return False
        return True

    def drain(self) -> None:
        """Let it end by itself once the connections that it has are answered."""
        self.channel.close()


class WorkerPool:
    """Keeps `count` workers going. SIGHUP replaces them one after the other, without losing a request;
    SIGTERM and SIGINT end them, a second one at once.

    A worker that dies is replaced: at once, or after longer and longer pauses while new ones end before they
    are ready. That ends the pool only where none is left that answers, and nobody else has killed them.
    `on_death` is told the pids of those that ended.
    """

    def __init__(
        self,
        work: Work,
        count: int,
        listening: socket.socket,
        *,
        drain_timeout: float,
        on_death: Callable[[int], object] = lambda _pid: None,
    ) -> None:
        self._work = work
        self._count = count
        self._listening = listening
        self._drain_timeout = drain_timeout
        self._on_death = on_death
        self._workers: list[Worker] = []  # those that get connections
        self._alive: set[Worker] = set()  # and those that end
        self._next = 0
        self._failed_starts = 0
        self._failed = asyncio.Event()
        self._stop = asyncio.Event()
        self._someone_ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._logger = get_logger("headwater.serving")

    @property
    def pids(self) -> list[int]:
        return [worker.process.pid for worker in self._alive if worker.process.pid is not None]

    async def run(self, changes: Changes | None = None) -> None:
        """Until a signal says to stop. Raises WorkersFailedError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self._replace_all()))
        self._listening.setblocking(False)
        self._listening.listen(2048)
        for _ in range(self._count):
            self._add()
        tasks = [loop.create_task(self._accept_all())]
        if changes is not None:
            tasks.append(loop.create_task(self._follow(changes)))
        try:
            await self._stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            self._listening.close()
            await self._end_all()
        if self._failed.is_set():
            raise WorkersFailedError("The workers end before they are ready; see the lines above.")

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self._signal_all(signal.SIGKILL)
        self._stop.set()

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _add(self) -> Worker:
        worker = Worker(self._work)
        self._workers.append(worker)
        self._alive.add(worker)
        self._begin(self._watch(worker))
        return worker

    async def _watch(self, worker: Worker) -> None:
        """Wait for the worker to be ready, then for its end; replace it if nobody asked for that."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        ended = asyncio.Event()
        loop.add_reader(worker.process.sentinel, ended.set)
        try:
            if await _first_of(loop.sock_recv(worker.channel, 1), ended) == READY:
                self._failed_starts = 0
                worker.ready.set()
                self._someone_ready.set()
            await ended.wait()
        finally:
            loop.remove_reader(worker.process.sentinel)
        self._bury(worker)
        if self._stop.is_set() or worker not in self._workers:
            return
        self._workers.remove(worker)
        self._logger.error("A worker ended by itself and is replaced.", exit_code=worker.process.exitcode)
        if not worker.ready.is_set() and worker.process.exitcode != -signal.SIGKILL:  # that came from outside
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS and not self._any_ready():
                self._failed.set()
                self._stop.set()
                return
        pause = _PAUSE_SECONDS * 2 ** min(self._failed_starts // 2, _MOST_DOUBLINGS)
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - started)))
        if not self._stop.is_set():
            self._add()

    def _bury(self, worker: Worker) -> None:
        worker.process.join()
        worker.channel.close()
        worker.ended.set()
        self._alive.discard(worker)
        if worker.process.pid is not None:
            self._on_death(worker.process.pid)

    async def _accept_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._someone_ready.wait()
            connection, _ = await loop.sock_accept(self._listening)
            with connection:
                while not self._give(connection):
                    self._someone_ready.clear()
                    if self._any_ready():
                        await asyncio.sleep(0.01)  # all of them are behind
                        self._someone_ready.set()
                    await self._someone_ready.wait()

    def _any_ready(self) -> bool:
        return any(worker.ready.is_set() for worker in self._workers)

    def _give(self, connection: socket.socket) -> bool:
        """To the next worker that takes it."""
        for _ in range(len(self._workers)):
            self._next = (self._next + 1) % len(self._workers)
            worker = self._workers[self._next]
            if worker.ready.is_set() and worker.give(connection):
                return True
        return False

    async def _replace_all(self) -> None:
        """Each worker by a new one that is ready before the old one takes no more connections."""
        self._logger.info("Workers are replaced one after the other.")
        for old in list(self._workers):
            new = self._add()
            await _first_of(new.ready.wait(), new.ended, self._stop)
            if self._stop.is_set() or not new.ready.is_set():
                return
            if old in self._workers:
                self._workers.remove(old)
                old.drain()
            await _first_of(old.ended.wait(), self._stop)

    async def _follow(self, changes: Changes) -> None:
        """Replace all workers at each change. The old ones end at once: who asks again wants the new code."""
        async for paths in changes():
            started = time.monotonic()
            for old in list(self._workers):
                new = self._add()
                await _first_of(new.ready.wait(), new.ended, self._stop)
                if new.ready.is_set() and old in self._workers:
                    self._workers.remove(old)
                    old.process.terminate()
            self._logger.info(
                "Reloaded.",
                changed=[path.name for path in paths],
                seconds=round(time.monotonic() - started, 1),
            )

    async def _end_all(self) -> None:
        self._signal_all(signal.SIGTERM)
        waiting = [asyncio.ensure_future(worker.ended.wait()) for worker in self._alive]
        if waiting:
            await asyncio.wait(waiting, timeout=self._drain_timeout)
        self._signal_all(signal.SIGKILL)
        for task in list(self._tasks):
            await asyncio.wait([task], timeout=5)

    def _signal_all(self, number: int) -> None:
        for worker in self._alive:
            if worker.process.pid is not None:
                os.kill(worker.process.pid, number)


async def _first_of(awaitable: Any, *events: asyncio.Event) -> Any:
    """The result of `awaitable`, or None if one of `events` comes first or it fails."""
    task = asyncio.ensure_future(awaitable)
    others = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait([task, *others], return_when=asyncio.FIRST_COMPLETED)
    for each in (task, *others):
        if not each.done():
            each.cancel()
    if task.done() and not task.cancelled() and task.exception() is None:
        return task.result()
    return None
