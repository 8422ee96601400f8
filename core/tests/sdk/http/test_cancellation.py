"""Ending the socket calls of a request, whenever its caller gives up."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from urllib3.exceptions import NewConnectionError

from headwater.sdk.http.cancellation import CancellableHTTPConnection, SocketCanceller, cancelled_by

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[tuple[Pair, Pair]]:
    """Two connections, both ends of each."""
    first, second = socket.socketpair(), socket.socketpair()
    yield first, second
    for end in (*first, *second):
        end.close()


def test_the_socket_of_the_last_attempt_is_ended(pairs: tuple[Pair, Pair]) -> None:
    (first, first_peer), (second, second_peer) = pairs
    canceller = SocketCanceller()
    canceller.watch(first)
    canceller.watch(second)
    canceller.cancel()
    canceller.close()

    assert second_peer.recv(1) == b""
    first.sendall(b"alive")
    assert first_peer.recv(5) == b"alive"


def test_a_socket_that_comes_after_the_end_is_ended_at_once(pairs: tuple[Pair, Pair]) -> None:
    (late, peer), _ = pairs
    canceller = SocketCanceller()
    canceller.cancel()
    canceller.watch(late)
    canceller.close()

    assert peer.recv(1) == b""


def test_a_request_that_was_cancelled_while_its_name_was_resolved_does_not_connect() -> None:
    canceller = SocketCanceller()
    canceller.cancel()
    with socket.create_server(("127.0.0.1", 0)) as listener, cancelled_by(canceller):
        connection = CancellableHTTPConnection("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(NewConnectionError, match="cancelled"):
            connection.connect()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    canceller.close()
