"""The gRPC server of a plugin process: its services, where it listens, how it ends."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
from google.protobuf.message import EncodeError, Message

from headwater.calls import WorkerPool
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.handshake import SOCKET_DIRECTORY, Handshake
from headwater_grafana.protocol.services import UNLIMITED, add_service

from .calls import PluginCalls
from .data import DataService
from .diagnostics import DiagnosticsService
from .go_plugin import ControllerService, HealthService, StdioService
from .metrics import RequestMetrics
from .native import NativeService
from .resource import ResourceService
from .stdio import CapturedOutput
from .stream import StreamService

_SMALL_BYTES = 1 << 20


class PluginServer:
    """All services of one plugin."""

    def __init__(
        self,
        calls: PluginCalls,
        metrics: RequestMetrics,
        workers: WorkerPool,
        *,
        output: CapturedOutput | None,
        shut_down: Callable[[], None],
    ) -> None:
        # Each call gets a worker at once: a bound here would let slow queries keep pings from being answered.
        self._server: grpc.Server = grpc.server(workers, options=UNLIMITED)  # type: ignore[arg-type]
        self._calls = calls
        self._socket: Path | None = None
        self._listeners: set[threading.Thread] = set()
        data = DataService(calls)
        services = {
            "grpc.health.v1.Health": HealthService(),
            "plugin.GRPCController": ControllerService(shut_down),
            "pluginv2.Data": data,
            "pluginv2.Diagnostics": DiagnosticsService(calls, metrics),
            "pluginv2.Resource": ResourceService(calls),
            "pluginv2.Stream": StreamService(calls),
            "headwater.plugin.v1.Native": NativeService(calls, data),
        }
        if output is not None:
            services["plugin.GRPCStdio"] = StdioService(output)
        for name, servicer in services.items():
            add_service(self._server, name, servicer, _serialize)

    def listen(self, address: str = "") -> Handshake:
        """Start, on TCP `address` if there is one, else on a unix socket that nobody else may open."""
        if address:
            host = address.rpartition(":")[0]
            port = self._server.add_insecure_port(address)
            handshake = Handshake("tcp", f"{host}:{port}")
        else:
            parent = os.environ.get(SOCKET_DIRECTORY) or None
            self._socket = Path(tempfile.mkdtemp(prefix="headwater-", dir=parent)) / "plugin"
            self._server.add_insecure_port(f"unix:{self._socket}")
            handshake = Handshake("unix", str(self._socket))
        others = set(threading.enumerate())
        self._server.start()
        self._listeners = set(threading.enumerate()) - others
        return handshake

    @property
    def hears(self) -> bool:
        """False once gRPC's own thread has ended: it does when no thread can be had for a call, or no memory.

        Callers would wait for their deadlines, from then on.
        """
        return all(each.is_alive() for each in self._listeners)

    def stop(self, grace: float) -> None:
        """Take no new calls, give the running ones `grace` seconds, cancel the rest, end the plugin."""
        self._server.stop(grace).wait()
        self._calls.plugin.stop()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
            self._socket.parent.rmdir()


def _serialize(message: Message) -> bytes:
    """A process that has no memory left for a small answer would fail all calls from then on.

    So it ends, and its host starts it again.
    """
    try:
        return message.SerializeToString()
    except (EncodeError, MemoryError):
        if _has_memory():  # this one is too large, the next may not be
            raise
        os.write(2, b"The plugin's process has no memory left, and ends.\n")
        os._exit(1)


def _has_memory() -> bool:
    """Whether a small answer could be sent. Not the size of the one that failed says so: protobuf measures a
    message by serializing it."""
    try:
        pb.DataResponse(error="x" * _SMALL_BYTES).SerializeToString()
    except (EncodeError, MemoryError):
        return False
    return True
