"""The proxy does to answers what it promises, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from headwater.testing import Fault, FaultProxy

ANSWER = bytes(range(256)) * 400


@pytest.fixture
def server() -> Iterator[int]:
    """Sends ANSWER to whoever sends a byte, then closes."""

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(1):
                    connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def ask(port: int, timeout: float = 5.0) -> bytes:
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout) as client:
        client.sendall(b"?")
        while data := client.recv(65_536):
            received += data
    return received


def test_without_a_fault_every_byte_passes(server: int) -> None:
    with FaultProxy("127.0.0.1", server) as proxy:
        assert ask(proxy.port) == ANSWER
        assert proxy.connections == 1


@pytest.mark.parametrize("count", [0, 1, 1000, 65_536, 70_000])
def test_a_cut_answer_ends_after_exactly_so_many_bytes(server: int, count: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(cut_after=count)) as proxy:
        assert ask(proxy.port) == ANSWER[:count]


def test_a_reset_is_an_error_at_the_client(server: int) -> None:
    with (
        FaultProxy("127.0.0.1", server, Fault(reset_after=1000)) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        ask(proxy.port)


def test_a_half_open_connection_says_nothing_more(server: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(silent_after=1000)) as proxy, pytest.raises(TimeoutError):
        ask(proxy.port, timeout=0.3)


def test_a_corrupt_byte_is_the_only_difference(server: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(corrupt_at=70_001)) as proxy:
        received = ask(proxy.port)
    assert [i for i, byte in enumerate(received) if byte != ANSWER[i]] == [70_001]


def test_a_corrupt_text_differs_in_its_last_byte(server: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(corrupt_text=ANSWER[7:10])) as proxy:
        received = ask(proxy.port)
    assert len(received) == len(ANSWER)
    differences = {(i % 256, byte) for i, byte in enumerate(received) if byte != ANSWER[i]}
    assert differences == {(9, 9 ^ 0xFF)}


def test_latency_and_dripping_delay_without_losing_a_byte(server: int) -> None:
    slow = Fault(latency=0.05, jitter=0.01, drip=20_000, drip_pause=0.01)
    with FaultProxy("127.0.0.1", server, slow) as proxy:
        started = time.monotonic()
        assert ask(proxy.port) == ANSWER
        assert time.monotonic() - started > 0.1


def test_closing_ends_waiting_connections_and_threads(server: int) -> None:
    with (
        FaultProxy("127.0.0.1", server, Fault(silent_after=0)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 5) as client,
    ):
        client.sendall(b"?")
        proxy.close()
        # An end or a reset: that depends on whether the proxy had read what the client sent.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert "fault-proxy" not in {each.name for each in threading.enumerate()}


def test_a_server_that_is_down_refuses_and_is_back_on_the_same_port(server: int) -> None:
    with FaultProxy("127.0.0.1", server) as proxy:
        with proxy.down(), pytest.raises(ConnectionRefusedError):
            ask(proxy.port)
        assert ask(proxy.port) == ANSWER


def test_behind_it_a_server_that_is_gone_is_an_end_without_a_byte() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        FaultProxy("127.0.0.1", port) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 5) as client,
    ):
        assert client.recv(1) == b""
        assert proxy.open_connections == 0


def test_an_orderly_end_comes_late_and_whole(server: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(cut_after=1000, close_delay=0.1)) as proxy:
        started = time.monotonic()
        assert ask(proxy.port) == ANSWER[:1000]
        assert time.monotonic() - started > 0.1


def test_a_client_that_hangs_up_on_a_silent_connection_is_not_kept(server: int) -> None:
    with FaultProxy("127.0.0.1", server, Fault(silent_after=1000)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            client.sendall(b"?")
            assert len(client.recv(1000, socket.MSG_WAITALL)) == 1000
            assert proxy.open_connections == 1
        while proxy.open_connections:
            time.sleep(0.01)
