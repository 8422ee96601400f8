"""Heads of answers are read as the standard library reads them, only faster."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from typing import IO

import pytest
from hypothesis import given, strategies as st

from headwater.sdk.http.cancellation import CancellableHTTPConnection, SocketCanceller, _Head, cancelled_by

NAMES = st.text("abcXYZ019-_!#$%&'*+.^`|~", min_size=1, max_size=12).map(str.encode)
VALUES = st.binary(max_size=20).filter(lambda value: not set(value) & set(b"\r\n"))
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=8)
PIECES = st.sampled_from([b"\r\n", b"\n", b"\r", b":", b" ", b"\t", b"a", b"B: c", b"\xe9", b"\x0b", b"\x1c"])


def fields(block: bytes) -> list[tuple[str, str]] | type[BaseException]:
    """What is read line by line, which is what is read at once where the whole head has come."""
    by_line, at_once = (_fields_of(file) for file in (io.BytesIO(block), _arrived(block)))
    assert by_line == at_once
    return by_line


def _fields_of(file: io.IOBase) -> list[tuple[str, str]] | type[BaseException]:
    try:
        return _Head(file, None).fields().items()
    except http.client.HTTPException as error:
        return type(error)


def _arrived(block: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(block))


def standard(block: bytes) -> list[tuple[str, str]] | type[BaseException]:
    try:
        return http.client.parse_headers(io.BytesIO(block)).items()
    except http.client.HTTPException as error:
        return type(error)


@given(LINES)
def test_plain_lines(lines: list[tuple[bytes, bytes]]) -> None:
    block = b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n"
    assert fields(block) == standard(block)


@given(st.lists(PIECES, max_size=20).map(b"".join))
def test_lines_of_any_kind(text: bytes) -> None:
    block = text + b"\r\n\r\n"
    assert fields(block) == standard(block)


@pytest.mark.parametrize(
    "block",
    [b"a: 1\r\n" * 101 + b"\r\n", b"a: " + b"x" * 65_536 + b"\r\n\r\n"],
    ids=["too many lines", "a line that is too long"],
)
def test_limits(block: bytes) -> None:
    assert isinstance(fields(block), type)
    assert fields(block) is standard(block)


def test_a_head_that_breaks_off_is_no_head() -> None:
    head = _Head(io.BytesIO(b"HTTP/1.1 200 OK\r\na: 1\r\n"), None)
    head.readline()
    with pytest.raises(http.client.IncompleteRead):
        head.fields()


@pytest.mark.parametrize("make_file", [io.BytesIO, _arrived], ids=["line by line", "at once"])
def test_lines_that_are_listened_to_are_taken_out(make_file: Callable[[bytes], IO[bytes]]) -> None:
    heard = []

    def listener(name: str, value: str) -> bool:
        heard.append((name, value))
        return name == "X-Progress"

    file = make_file(b"X-Progress: 1\r\nServer: s\r\nX-Progress: 2\r\nX-Progress\r\n\r\nbody")
    assert _Head(file, listener).fields().items() == [("Server", "s")]
    assert file.read() == b"body"
    assert heard == [("X-Progress", "1"), ("Server", "s"), ("X-Progress", "2")]


@pytest.mark.parametrize(
    ("body", "messages"), [(None, 1), (b"short", 1), (b"x" * 100_000, 2)], ids=["none", "short", "long"]
)
def test_a_short_body_goes_out_with_its_head(body: bytes | None, messages: int) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.sent: list[bytes] = []

        def sendall(self, data: bytes) -> None:
            self.sent.append(data)

        def settimeout(self, seconds: float | None) -> None: ...

        def close(self) -> None: ...

    connection, sock = CancellableHTTPConnection("localhost"), Recorder()
    for _ in range(2):
        sock.sent.clear()
        connection.sock = sock
        with cancelled_by(SocketCanceller()):
            connection.request("POST", "/", body=body)
        head, _, sent_body = b"".join(sock.sent).partition(b"\r\n\r\n")
        assert head.startswith(b"POST / HTTP/1.1\r\n")
        assert sent_body == (body or b"")
        assert len(sock.sent) == messages
        connection.close()
