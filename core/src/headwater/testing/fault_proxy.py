"""`FaultProxy`: a TCP proxy on loopback that breaks answers in the ways networks do."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from attrs import field, frozen

__all__ = ["Fault", "FaultProxy"]

_CHUNK = 65_536


@frozen
class Fault:
    """What happens to the server's answers on one connection. Byte counts start with its first byte.

    Seconds for times. Several faults combine: `Fault(latency=0.1, cut_after=5000)`.
    """

    latency: float = 0.0
    """Each piece of an answer comes this much later,"""
    jitter: float = 0.0
    """and up to this much later again."""
    cut_after: int | None = None
    """Close both sides in an orderly way after so many bytes."""
    close_delay: float = 0.0
    """An orderly end, the server's own or a cut, reaches the client this much later."""
    reset_after: int | None = None
    """Reset the client's connection (RST) after so many bytes."""
    silent_after: int | None = None
    """Half open: pass nothing more after so many bytes, and keep the connection."""
    corrupt_at: int | None = None
    """Flip every bit of the byte at this offset."""
    corrupt_text: bytes = b""
    """Flip every bit of the last byte of this text, wherever one piece of an answer holds it whole."""
    drip: int | None = None
    """Pass so many bytes at a time,"""
    drip_pause: float = 0.01
    """with this pause in between."""
    seed: int = field(default=0, repr=False)


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and forwards to `host:port`. Ends with its `with` block.

    `fault` may be changed at any time; it counts for connections opened from then on.
    """

    def __init__(self, host: str, port: int, fault: Fault | None = None) -> None:
        self._target = (host, port)
        self.fault: Fault = fault or Fault()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.connections: int = 0
        """How many there have been,"""
        self.bytes_passed: int = 0
        """and how many bytes of answers they have got."""
        self._lock = threading.Lock()  # guards the open connections
        self._open: set[socket.socket] = set()
        self._left: set[socket.socket] = set()  # clients that have hung up
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        with self._lock:
            return len(self._open) // 2

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Within the block connections are refused; those that are open are cut."""
        self._stop_listening()
        self.drop_connections()
        yield
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._run(self._accept, self._listener)

    def __enter__(self) -> Self:
        self._run(self._accept, self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the listener, every connection and every thread."""
        self._closed = True
        self._stop_listening()
        self.drop_connections()
        for thread in self._threads:
            thread.join(5)

    def drop_connections(self) -> None:
        """Cut every open connection now."""
        with self._lock:
            held, self._open = self._open, set()
        for each in held:
            _shut(each)

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        self._run(self._forward_requests, client, server)
        self._run(self._forward_answers, client, server, self.fault)

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                server.sendall(data)
        # The client has finished asking; the server notices and closes in turn.
        with self._lock:
            self._left |= self._open & {client}
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _forward_answers(self, client: socket.socket, server: socket.socket, fault: Fault) -> None:
        chance = random.Random(fault.seed)  # noqa: S311
        passed = 0
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                if fault.latency or fault.jitter:
                    time.sleep(fault.latency + chance.random() * fault.jitter)
                data, ending = _broken(data, passed, fault)
                self.bytes_passed += len(data)
                _send(client, data, fault)
                passed += len(data)
                if ending == "silent":
                    self._wait_for_end(client)
                if ending == "reset":
                    # With a linger time of zero, close() sends RST instead of FIN.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # Wake the thread that reads requests: a socket in a system call is not closed yet.
                    client.shutdown(socket.SHUT_RD)
                    client.close()
                if ending:
                    break
        if client not in self._left:
            time.sleep(fault.close_delay)
        self._end(client, server)

    def _wait_for_end(self, client: socket.socket) -> None:
        while not self._closed and client in self._open and client not in self._left:
            time.sleep(0.02)

    def _end(self, *pair: socket.socket) -> None:
        with self._lock:
            self._open -= set(pair)
            self._left -= set(pair)
        for each in pair:
            _shut(each)

    def _run(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, name="fault-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()


def _broken(data: bytes, passed: int, fault: Fault) -> tuple[bytes, str]:
    """What is left of `data`, and how the connection ends behind it: cut, reset, silent, or "" for not."""
    if fault.corrupt_at is not None and passed <= fault.corrupt_at < passed + len(data):
        changed = bytearray(data)
        changed[fault.corrupt_at - passed] ^= 0xFF
        data = bytes(changed)
    if text := fault.corrupt_text:
        data = data.replace(text, text[:-1] + bytes([text[-1] ^ 0xFF]))
    endings = (("cut", fault.cut_after), ("reset", fault.reset_after), ("silent", fault.silent_after))
    reached = [(after, name) for name, after in endings if after is not None and passed + len(data) >= after]
    if not reached:
        return data, ""
    after, name = min(reached)
    return data[: max(0, after - passed)], name


def _send(client: socket.socket, data: bytes, fault: Fault) -> None:
    if fault.drip is None:
        client.sendall(data)
        return
    for start in range(0, len(data), fault.drip):
        client.sendall(data[start : start + fault.drip])
        time.sleep(fault.drip_pause)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
