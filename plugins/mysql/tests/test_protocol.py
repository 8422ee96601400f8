"""Packets, parameters, addresses and settings: parts that need no server."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from headwater.errors import ValidationError
from headwater.sdk import parse
from headwater_mysql.address import Address, parse_address
from headwater_mysql.bounds import DEFINITIONS_BYTES, ERROR_CHARACTERS, PACKET_BYTES
from headwater_mysql.protocol.packets import (
    MalformedPacketError,
    PacketBuffer,
    Reader,
    frame_count,
    frames,
    length_encoded,
    parse_error,
)
from headwater_mysql.protocol.results import parse_prepared, prepared_definitions
from headwater_mysql.protocol.statements import execute_command
from headwater_mysql.settings import MySQLSettings


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=10), st.integers(1, 50), st.integers(0, 255))
def test_packets_survive_framing_in_any_pieces(payloads: list[bytes], piece: int, sequence: int) -> None:
    sent = b"".join(frames(payload, sequence + index) for index, payload in enumerate(payloads))
    buffer = PacketBuffer(sequence)
    received = []
    for start in range(0, len(sent), piece):
        buffer.feed(sent[start : start + piece])
        while (packet := buffer.next_packet()) is not None:
            received.append(packet)
    assert received == payloads
    assert buffer.sequence == (sequence + len(payloads)) & 0xFF


@pytest.mark.parametrize("size", [0xFFFFFE, 0xFFFFFF, 0x1000000, 0x1FFFFFE])
def test_a_large_packet_is_cut_into_frames(size: int) -> None:
    payload = bytes(size)
    sent = memoryview(frames(payload))
    joined, sequence, length = 0, 0, 0xFFFFFF
    while length == 0xFFFFFF:
        length = int.from_bytes(sent[:3], "little")
        assert sent[3] == sequence
        joined, sequence, sent = joined + length, sequence + 1, sent[4 + length :]
    assert (joined, sequence, len(sent)) == (size, frame_count(payload), 0)


def test_a_packet_that_is_larger_than_allowed_is_refused_by_its_header() -> None:
    buffer = PacketBuffer()
    buffer.feed(frames(bytes(PACKET_BYTES)))
    assert buffer.next_packet() == bytes(PACKET_BYTES)
    buffer.feed(frames(bytes(PACKET_BYTES + 1), 1)[:4])
    with pytest.raises(MalformedPacketError, match="larger than allowed"):
        buffer.next_packet()


def test_packets_that_are_larger_than_allowed_together_are_refused() -> None:
    buffer = PacketBuffer()
    count = DEFINITIONS_BYTES // (PACKET_BYTES + 4)
    for number in range(count):
        buffer.feed(frames(bytes(PACKET_BYTES), number))
        assert buffer.next_packet() is not None
    buffer.feed(frames(bytes(PACKET_BYTES), count))
    with pytest.raises(MalformedPacketError, match="larger than allowed"):
        buffer.next_packet()


def test_the_text_of_an_error_is_cut() -> None:
    error = parse_error(b"\xff\x28\x04#42000" + "ä€𝄞".encode() * (1 << 20))
    assert (error.code, error.state, error.text) == (
        1064,
        "42000",
        ("ä€𝄞" * ERROR_CHARACTERS)[:ERROR_CHARACTERS],
    )


def test_a_farewell_with_number_zero_is_understood_at_any_time() -> None:
    buffer = PacketBuffer(7)
    buffer.feed(frames(b"\xff\x1d\x04#08S01Server shutdown", 0))
    packet = buffer.next_packet()
    assert packet is not None
    assert parse_error(packet).code == 1053


def test_a_frame_with_a_wrong_number_is_refused() -> None:
    buffer = PacketBuffer(1)
    buffer.feed(frames(b"x", 3))
    with pytest.raises(MalformedPacketError, match="out of order"):
        buffer.next_packet()


@given(st.binary(max_size=70_000))
def test_length_encoded_bytes_come_back(value: bytes) -> None:
    reader = Reader(length_encoded(value) + b"rest")
    assert (reader.length_encoded_bytes(), reader.rest()) == (value, b"rest")


@given(st.binary(max_size=20))
def test_reading_past_a_packet_is_refused(data: bytes) -> None:
    reader = Reader(data)
    with pytest.raises(MalformedPacketError):
        reader.take(len(data) + 1)


@given(st.binary(max_size=40))
def test_any_bytes_make_an_error_or_are_refused(data: bytes) -> None:
    try:
        error = parse_error(b"\xff" + data)
    except MalformedPacketError:
        return
    assert 0 <= error.code < 65_536


def test_the_answer_to_a_prepare_tells_what_follows() -> None:
    assert parse_prepared(b"\x00" + struct.pack("<IHHBH", 9, 3, 2, 0, 0)) == (9, 3, 2)
    assert prepared_definitions(3, 2, deprecate_eof=False) == 7
    assert prepared_definitions(3, 2, deprecate_eof=True) == 5
    assert prepared_definitions(0, 0, deprecate_eof=False) == 0


def test_parameters_travel_beside_the_statement() -> None:
    command = execute_command(5, [None, "a'b", 7])
    assert command[:10] == struct.pack("<BIBI", 0x17, 5, 0, 1)
    assert command[10:12] == b"\x01\x01"  # the first is NULL; types follow
    assert command.endswith(b"\x03a'b" + struct.pack("<q", 7))


@pytest.mark.parametrize("value", [object(), [1], {"a": 1}])
def test_a_value_without_a_mysql_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="parameter"):
        execute_command(1, [value])  # type: ignore[list-item]


def test_a_decimal_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        execute_command(1, [Decimal("NaN")])


def test_aware_datetimes_are_sent_as_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    command = execute_command(1, [dt.datetime(2024, 1, 1, 1, 0, tzinfo=zone)])
    assert command.endswith(struct.pack("<BHBBBBBI", 11, 2023, 12, 31, 23, 0, 0, 0))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("db", Address("db", 3306)),
        ("db:3307", Address("db", 3307)),
        ("X:1", Address("X", 1)),
        ("db:65535", Address("db", 65_535)),
        ("mysql://db:3307/", Address("db", 3307)),
        ("[::1]:3307", Address("::1", 3307)),
        ("10.0.0.1", Address("10.0.0.1", 3306)),
        ("/run/mysqld/mysqld.sock", Address(socket="/run/mysqld/mysqld.sock")),
    ],
)
def test_addresses_are_host_and_port_or_a_socket(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize("address", ["db:3306", "[::1]:3307", "/run/mysqld/mysqld.sock"])
def test_an_address_is_shown_as_it_may_be_given(address: str) -> None:
    assert str(parse_address(address)) == address


@pytest.mark.parametrize("url", ["", "db:port", "user:pass@db", "http://db", "db/path", "a b"])
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValidationError, match=r"^url: expected host:port or the path of a Unix socket$"):
        parse_address(url)


@pytest.mark.parametrize("url", ["db:0", "db:65536"])
def test_a_port_that_there_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"^url: the port is between 1 and 65535$"):
        parse_address(url)


def test_settings_have_grafanas_names() -> None:
    settings = parse(
        MySQLSettings,
        {
            "maxOpenConns": "5",
            "maxIdleConns": 2,
            "connMaxLifetime": 60,
            "tlsAuthWithCACert": True,
            "timezone": "Europe/Berlin",
            "maxIdleConnsAuto": True,
        },
        path="jsonData",
    )
    assert (settings.max_open_conns, settings.max_idle_conns, settings.conn_max_lifetime) == (5, 2, 60)
    assert settings.uses_tls


@pytest.mark.parametrize("zone", ["+25:00", "Mars/Olympus", "'; DROP TABLE t", "5"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        parse(MySQLSettings, {"timezone": zone}, path="jsonData")
