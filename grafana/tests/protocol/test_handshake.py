from __future__ import annotations

import pytest

from headwater_grafana.protocol.handshake import Handshake, HandshakeError


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("1|2|unix|/tmp/x/plugin|grpc\n", "unix:/tmp/x/plugin"),
        ("1|2|tcp|127.0.0.1:10000|grpc", "dns:///127.0.0.1:10000"),
        ("1|2|tcp|127.0.0.1:10000|grpc||false\n", "dns:///127.0.0.1:10000"),
        ("1|2|tcp|[::1]:10000|grpc\n", "dns:///[::1]:10000"),
    ],
)
def test_a_line_says_where_the_plugin_listens(line: str, target: str) -> None:
    assert Handshake.parse(line).target == target


def test_what_is_written_is_what_is_read() -> None:
    handshake = Handshake("unix", "/tmp/plugin")
    assert Handshake.parse(handshake.line) == handshake


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "not a handshake"),
        ("Starting up ...", "not a handshake"),
        ("2|2|unix|/tmp/x|grpc", "core protocol is '2'"),
        ("1|1|unix|/tmp/x|grpc", "protocol version is '1'"),
        ("1|2|" + "x" * 5000 + "|/tmp/x|grpc", "not a handshake"),
        ("1|2|udp|127.0.0.1:1|grpc", "'udp'"),
        ("1|2|tcp|192.0.2.1:443|grpc", "elsewhere than on loopback"),
        ("1|2|tcp|loopback.example:443|grpc", "elsewhere than on loopback"),
        ("1|2|unix|/tmp/x", "gRPC"),
        ("1|2|unix|/tmp/x|netrpc", "gRPC"),
        ("1|2|unix|/tmp/x|grpc|MIIB", "TLS"),
    ],
)
def test_what_is_no_handshake_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(HandshakeError, match=why):
        Handshake.parse(line)
