"""The process that serves: uvicorn, with a drain that ends queries at their data sources."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Generator
from typing import Any

import uvicorn

from headwater_server.http import HeadwaterApp

from .listen import ListenOptions
from .memory import keep_memory_low
from .protocol import bounded

_AFTER_CANCEL_SECONDS = 5.0


class HeadwaterServer(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, then drains: readiness is off, no new connections, running requests
    have `drain_timeout` seconds; then their queries are cancelled at the data sources. A second signal
    does not wait."""

    def __init__(self, app: HeadwaterApp, listen: ListenOptions) -> None:
        """Raises UnsafeListenError."""
        listen.check()
        super().__init__(_config(app, listen))
        self._host = app.host
        self._drain_timeout = listen.drain_timeout

    @property
    def port(self) -> int:
        """The port it listens on, also when it was asked for any."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Unlike uvicorn's, does not raise the signal again after a shutdown that went well: the exit code of
        a drained process is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in handled}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._host.draining = True
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._host.draining = True
        cancelling = asyncio.get_running_loop().call_later(
            self._drain_timeout, self._host.cancel_all, "The host is shutting down."
        )
        try:
            await super().shutdown(sockets)
        finally:
            cancelling.cancel()
        if self.force_exit:
            await self.lifespan.shutdown()  # else it is cancelled, which looks like a failure


def serve(app: HeadwaterApp, listen: ListenOptions, sockets: list[socket.socket] | None = None) -> None:
    """Serve `app` until a signal says to stop, on `sockets` if they are bound already.

    Raises UnsafeListenError, and OSError if the address cannot be had.
    """
    listen.check()
    bound = listen.bind() if sockets is None else sockets
    keep_memory_low()
    HeadwaterServer(app, listen).run(bound or None)


def _config(app: HeadwaterApp, listen: ListenOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=listen.host,
        port=listen.port,
        uds=None if listen.unix_socket is None else str(listen.unix_socket),
        ssl_certfile=listen.tls_certificate,
        ssl_keyfile=listen.tls_key,
        http=bounded(listen.header_timeout, listen.max_header_bytes),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(listen.trusted_proxies),
        forwarded_allow_ips=list(listen.trusted_proxies),
        limit_concurrency=listen.max_connections,
        timeout_keep_alive=listen.idle_timeout,
        timeout_graceful_shutdown=int(listen.drain_timeout + _AFTER_CANCEL_SECONDS),
    )
