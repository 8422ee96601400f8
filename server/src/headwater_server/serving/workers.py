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
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from headwater.logs import get_logger
from headwater_server.metrics import METRICS_FOLDER
from headwater_server.metrics.workers import KeptCounts

from .listen import ListenOptions

READY: Final = b"r"
CONNECTION: Final = b"c"

_spawn = get_context("spawn")  # a fork would take the parent's threads and locks along, half
_AFTER_DRAIN_SECONDS = 10.0
_FAILED_STARTS = 3
_PAUSE_SECONDS = 1.0
_MOST_DOUBLINGS = 5
_ACCEPT_AGAIN_SECONDS = 0.1
_START_SECONDS = 120.0
"""For one that is to replace another; those of a first start come all at once and take what they take."""

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
        counts = KeptCounts(Path(folder))
        pool = WorkerPool(
            work,
            count,
            listening,
            drain_timeout=listen.drain_timeout + _AFTER_DRAIN_SECONDS,
            idle_timeout=listen.idle_timeout + listen.drain_timeout,
            on_start=counts.started,
            on_death=counts.ended,
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
        self.process: BaseProcess = _spawn.Process(target=_run, args=(work, theirs), name="headwater-worker")
        self.process.start()
        theirs.close()
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def lives(self) -> bool:
        """Whether it has become ready and not ended since."""
        return self.ready.is_set() and not self.ended.is_set()

    def send_signal(self, number: int) -> None:
        if self.process.pid is not None:
            with suppress(ProcessLookupError):  # it has ended, and nobody has noticed yet
                os.kill(self.process.pid, number)

    @property
    def is_behind(self) -> bool:
        """Whether it has yet to take what it was given before; False where the system cannot tell."""
        import fcntl  # Windows has neither, nor workers
        import termios

        try:
            return fcntl.ioctl(self.channel, termios.TIOCOUTQ, bytes(4)) != bytes(4)
        except OSError:
            return False

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
    A worker stays where the one that was to replace it does not become ready.
    One that is told to leave has `idle_timeout` seconds for its connections, and then `drain_timeout` as at a
    stop. `on_start` is told the pids of new ones at once, `on_death` of those that ended.
    """

    def __init__(
        self,
        work: Work,
        count: int,
        listening: socket.socket,
        *,
        drain_timeout: float,
        idle_timeout: float,
        on_start: Callable[[int], object] = lambda _pid: None,
        on_death: Callable[[int], object] = lambda _pid: None,
    ) -> None:
        self._work = work
        self._count = count
        self._listening = listening
        self._drain_timeout = drain_timeout
        self._leave_timeout = idle_timeout + drain_timeout
        self._on_start = on_start
        self._on_death = on_death
        self._workers: list[Worker] = []  # those that get connections
        self._alive: set[Worker] = set()  # and those that end, or are to replace one
        self._next = 0
        self._failed_starts = 0
        self._failed = asyncio.Event()
        self._stop = asyncio.Event()
        self._someone_ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._replace_again = False
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
        self._fill()
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

    def _start(self) -> Worker:
        worker = Worker(self._work)
        if worker.process.pid is not None:
            self._on_start(worker.process.pid)
        self._alive.add(worker)
        self._begin(self._watch(worker))
        return worker

    def _fill(self) -> None:
        """Start what is missing."""
        while len(self._workers) < self._count:
            self._workers.append(self._start())

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
        await _first_of(asyncio.sleep(max(0.0, pause - (time.monotonic() - started))), self._stop)
        if not self._stop.is_set():
            self._fill()

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
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError as error:  # too many open files, say, or a client that left at once
                self._logger.warning("A connection could not be accepted.", reason=str(error))
                await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
                continue
            with connection:
                while not self._give(connection):
                    self._someone_ready.clear()
                    if self._any_ready():
                        await asyncio.sleep(0.01)  # all of them are behind
                        self._someone_ready.set()
                    await self._someone_ready.wait()

    def _any_ready(self) -> bool:
        return any(worker.lives for worker in self._workers)

    def _give(self, connection: socket.socket) -> bool:
        """To the next worker that takes it; to one that is behind, and may hang, only if all are."""
        for may_be_behind in (False, True):
            for _ in range(len(self._workers)):
                self._next = (self._next + 1) % len(self._workers)
                worker = self._workers[self._next]
                if worker.lives and (may_be_behind or not worker.is_behind) and worker.give(connection):
                    return True
        return False

    async def _replace_all(self) -> None:
        """Each worker by a new one that is ready before the old one takes no more connections. Asked for
        meanwhile, all once more: what changed since is to be read by each."""
        if self._replacing.locked():
            self._replace_again = True
            return
        async with self._replacing:
            self._replace_again = True
            while self._replace_again:
                self._replace_again = False
                self._logger.info("Workers are replaced one after the other.")
                for old in list(self._workers):
                    if self._stop.is_set() or not await self._replace(old):
                        return
                    old.drain()
                    await _first_of(old.ended.wait(), self._stop, seconds=self._leave_timeout)
                    if not old.ended.is_set() and not self._stop.is_set():
                        self._logger.warning("A worker did not leave in time and is killed.")
                        old.send_signal(signal.SIGKILL)

    async def _follow(self, changes: Changes) -> None:
        """Replace all workers at each change. The old ones end at once: who asks again wants the new code."""
        async for paths in changes():
            started, replaced = time.monotonic(), False
            async with self._replacing:
                for old in list(self._workers):
                    if not (replaced := await self._replace(old)):
                        break
                    old.send_signal(signal.SIGTERM)
            if not replaced:
                continue
            self._logger.info(
                "Reloaded.",
                changed=[path.name for path in paths],
                seconds=round(time.monotonic() - started, 1),
            )

    async def _replace(self, old: Worker) -> bool:
        """Give what comes to a new worker instead. False if that does not become ready."""
        new = self._start()
        await _first_of(new.ready.wait(), new.ended, self._stop, seconds=_START_SECONDS)
        if self._stop.is_set():
            return False
        if not new.lives:
            new.send_signal(signal.SIGKILL)  # perhaps it hangs
            self._logger.error("A new worker did not become ready; the old ones go on.")
            return False
        if old in self._workers:
            self._workers.remove(old)
        elif len(self._workers) >= self._count:  # it ended meanwhile, and has been replaced
            new.drain()
            return True
        self._workers.append(new)
        return True

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
            worker.send_signal(number)


def _run(work: Work, channel: socket.socket) -> None:
    """In a worker's process. What a terminal, or whoever signals a whole group, tells all processes of it is
    for the parent to act on."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    work(channel)


async def _first_of(awaitable: Any, *events: asyncio.Event, seconds: float | None = None) -> Any:
    """The result of `awaitable`, or None if one of `events` comes first, `seconds` pass, or it fails."""
    task = asyncio.ensure_future(awaitable)
    others = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait([task, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in (task, *others):
        if not each.done():
            each.cancel()
    if task.done() and not task.cancelled() and task.exception() is None:
        return task.result()
    return None
