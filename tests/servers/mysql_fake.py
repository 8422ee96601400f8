"""A server that speaks just enough MySQL to misbehave on purpose, and a proxy that cuts connections.

For faults that no real server produces; everything else is tested against real ones.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from headwater_mysql.protocol.constants import Command
from servers.mysql_wire import OK, wire

SCRAMBLE = b"12345678901234567890"

Script = Callable[[bytes], bytes | None]
"""From a command's payload to the raw bytes of the answer; None closes the connection."""


Flood = Callable[[bytes], Iterable[bytes] | None]
"""From a command's payload, empty when the client connects, to raw bytes; None for the usual answer."""


@contextmanager
def fake_mysql(
    script: Script,
    *,
    after_login: bytes | None = None,
    greeting: bytes | None = None,
    after_set: Script = lambda _: wire([OK]),
    on_login: Callable[[bytes], object] = lambda _: None,
    instead: Flood = lambda _: None,
    version: str = "9.9.9-fake",
) -> Iterator[str]:
    """The address of a fake server whose set-up statements succeed and whose other commands `script` answers.

    `after_login` replaces the OK that follows the client's credentials, `greeting` the server's first packet,
    `after_set` the OK of SET statements. `on_login` is told what the client sent to log in. What `instead`
    gives for a command, or for the greeting, is sent piece by piece in the place of all these.
    """

    def flood(client: socket.socket, command: bytes) -> bool:
        if (pieces := instead(command)) is None:
            return False
        for piece in pieces:
            client.sendall(piece)
        return True

    def converse(client: socket.socket) -> None:
        if flood(client, b""):
            return
        if greeting is not None:
            client.sendall(wire([greeting], 0))
            return
        client.sendall(wire([_handshake(version)], 0))
        if (login := _read_packet(client)) is None:
            return
        on_login(login)
        client.sendall(wire([after_login or OK], 2))
        while (command := _read_packet(client)) is not None:
            if command[0] == Command.QUIT:
                return
            if flood(client, command):
                continue
            if command[0] == Command.QUERY and command[1:4].upper() == b"SET":
                answer = after_set(command)
            elif command[0] == Command.RESET_CONNECTION or b"@@SESSION.sql_mode" in command:
                answer = wire([OK])  # a server that does not tell its mode has the usual one
            else:
                answer = script(command)
            if answer is None:
                return
            client.sendall(answer)

    with _serve(converse) as address:
        yield address


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def cutting_proxy(port: int, after_bytes: int) -> Iterator[str]:
    """The address of a proxy that ends each connection after the server has sent `after_bytes` bytes."""

    def converse(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            upwards = threading.Thread(target=_pump, args=(client, server, None), daemon=True)
            upwards.start()
            _pump(server, client, after_bytes)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            upwards.join(5)

    with _serve(converse) as address:
        yield address


@contextmanager
def _serve(converse: Callable[[socket.socket], None]) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            converse(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threads.append(threading.Thread(target=talk, args=(client,), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)


def _pump(source: socket.socket, target: socket.socket, most: int | None) -> None:
    with contextlib.suppress(OSError):
        while most is None or most > 0:
            data = source.recv(65_536 if most is None else min(most, 65_536))
            if not data:
                return
            target.sendall(data)
            if most is not None:
                most -= len(data)


def _handshake(version: str) -> bytes:
    capabilities = 0x00BFF7FF & ~0x0800  # everything up to session tracking, but no TLS
    low, high = capabilities & 0xFFFF, capabilities >> 16
    return (
        b"\x0a" + version.encode() + b"\0" + struct.pack("<I", 77) + SCRAMBLE[:8] + b"\0"
        + struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10) + SCRAMBLE[8:]
        + b"\0mysql_native_password\0"
    )  # fmt: skip


def _read_packet(client: socket.socket) -> bytes | None:
    header = _read(client, 4)
    return None if header is None else _read(client, int.from_bytes(header[:3], "little"))


def _read(client: socket.socket, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data
