"""A server in a worker process: its connections come from the parent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Generator
from typing import Any

from headwater_server.http import HeadwaterApp

from .listen import ListenOptions
from .memory import keep_memory_low
from .server import HeadwaterServer
from .workers import READY


class WorkerServer(HeadwaterServer):
    """Takes connections that its parent accepted until the parent closes the channel, or is gone.

    Then each connection is closed behind its next answer, or once it has rested for the idle timeout.
    """

    def __init__(self, app: HeadwaterApp, listen: ListenOptions, channel: socket.socket) -> None:
        super().__init__(app, listen)
        self._channel = channel
        self._idle_timeout = listen.idle_timeout
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """What Ctrl-C means is for the parent to say."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: Any) -> None:
        """A second signal says what the first one said: who signals the whole group, as systemd may, has the
        parent send it once more. Where that does not want to wait, it kills."""
        if not self.should_exit:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        await super().startup(sockets=[])
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel, self._take)
        self._channel.send(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        await super().shutdown(sockets)

    def _take(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._channel, 16, 16)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            self._begin(self._connect(socket.socket(fileno=descriptor)))
        if not data:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._begin(self._drain())

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # it has gone, or fails to speak TLS
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self.config.ssl
            )

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def _drain(self) -> None:
        self._host.leaving = True
        end = time.monotonic() + self._idle_timeout + self._drain_timeout
        while self.server_state.connections and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # uvicorn tells nobody when a connection ends
        self.should_exit = True


def serve_connections(app: HeadwaterApp, listen: ListenOptions, channel: socket.socket) -> None:
    """Serve what comes through `channel` until it is closed, or a signal says to stop."""
    keep_memory_low()
    WorkerServer(app, listen, channel).run(sockets=[])
