"""Frames and the values inside packets.

A packet travels as one or more frames: three bytes of length, one byte of sequence number, the payload.
Every read is checked against the packet's end, so a corrupt packet ends in `MalformedPacketError`.
"""

from __future__ import annotations

from typing import Final

import attrs

from headwater_mysql.bounds import DEFINITIONS_BYTES, ERROR_CHARACTERS, PACKET_BYTES
from headwater_mysql.protocol.constants import MAX_FRAME, Status

OK: Final = 0x00
LOCAL_INFILE: Final = 0xFB
EOF: Final = 0xFE
ERR: Final = 0xFF

_HEADER: Final = 4


class MalformedPacketError(Exception):
    """The bytes are not what the protocol allows at this place. The connection can't be used any more."""


def frames(payload: bytes, sequence: int = 0) -> bytes:
    """`payload` cut into wire frames, the first of which is numbered `sequence`."""
    parts: list[bytes] = []
    start = 0
    while True:
        piece = payload[start : start + MAX_FRAME]
        parts += (len(piece).to_bytes(3, "little"), bytes((sequence & 0xFF,)), piece)
        start += len(piece)
        sequence += 1
        if len(piece) < MAX_FRAME:
            return b"".join(parts)


def frame_count(payload: bytes) -> int:
    """How many frames `payload` travels as; a multiple of the largest frame is ended by an empty one."""
    return len(payload) // MAX_FRAME + 1


class PacketBuffer:
    """Collects received bytes and gives back whole packets, their sizes and sequence numbers checked.

    Made for the few packets around a result (prepare answers, column definitions, OK, ERR), none of which
    needs more than one frame. Rows are read by a row decoder, which takes over the bytes that `take_rest`
    returns.
    """

    def __init__(self, sequence: int = 0) -> None:
        self._data = bytearray()
        self._sequence = sequence
        self._allowed = DEFINITIONS_BYTES

    @property
    def sequence(self) -> int:
        """The number that the next frame must carry."""
        return self._sequence

    def restart(self, sequence: int) -> None:
        """Expect `sequence` next: a command has been sent, or rows were read elsewhere."""
        self._sequence = sequence & 0xFF

    def feed(self, data: bytes | memoryview) -> None:
        self._data += data

    def next_packet(self) -> bytes | None:
        """The next packet's payload, or None until more bytes are fed.

        Raises MalformedPacketError when a frame is out of order, or as soon as one is larger than allowed.
        """
        data = self._data
        if len(data) < _HEADER:
            return None
        length, number = data[0] | data[1] << 8 | data[2] << 16, data[3]
        # A server that shuts down sends its last error as a first packet, whatever came before.
        if number not in (self._sequence, 0):
            raise MalformedPacketError("packets arrive out of order")
        if length > PACKET_BYTES or length > self._allowed:
            raise MalformedPacketError("packets are larger than allowed")
        if len(data) < _HEADER + length:
            return None
        payload = bytes(data[_HEADER : _HEADER + length])
        del data[: _HEADER + length]
        self._sequence = (number + 1) & 0xFF
        self._allowed -= length + _HEADER
        return payload

    def take_rest(self) -> bytes:
        """The bytes received after the last packet; they are the caller's from here on."""
        rest = bytes(self._data)
        self._data.clear()
        return rest


class Reader:
    """A cursor over one packet."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise MalformedPacketError("a value runs past its packet's end")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def integer(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def length_encoded_integer(self) -> int:
        first = self.integer(1)
        if first < 0xFB:
            return first
        width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
        if width is None:
            raise MalformedPacketError("a length is missing")
        return self.integer(width)

    def length_encoded_bytes(self) -> bytes:
        return self.take(self.length_encoded_integer())

    def length_encoded_text(self) -> str:
        return self.length_encoded_bytes().decode("utf-8", "replace")


def length_encoded(value: bytes) -> bytes:
    """`value` with its length in front."""
    return length_encoded_integer(len(value)) + value


def length_encoded_integer(number: int) -> bytes:
    if number < 0xFB:
        return bytes((number,))
    if number < 1 << 16:
        return b"\xfc" + number.to_bytes(2, "little")
    if number < 1 << 24:
        return b"\xfd" + number.to_bytes(3, "little")
    return b"\xfe" + number.to_bytes(8, "little")


@attrs.frozen
class ServerReply:
    """What an OK or EOF packet says. `status` holds `Status` bits."""

    affected_rows: int = 0
    last_insert_id: int = 0
    status: int = 0
    warnings: int = 0

    @property
    def more_results(self) -> bool:
        return bool(self.status & Status.MORE_RESULTS)


class ServerError(Exception):
    """An ERR packet: the server's own error number, SQLSTATE and words, which are cut."""

    def __init__(self, code: int, state: str, text: str) -> None:
        text = text[:ERROR_CHARACTERS]
        super().__init__(f"({code}, {state}) {text}")
        self.code = code
        self.state = state
        self.text = text


def parse_error(packet: bytes) -> ServerError:
    reader = Reader(packet, 1)
    code = reader.integer(2)
    text = reader.rest()[: 4 * ERROR_CHARACTERS + 6]  # as much as they may take in UTF-8, and the state
    state = "HY000"
    if text.startswith(b"#") and len(text) >= 6:
        state, text = text[1:6].decode("ascii", "replace"), text[6:]
    return ServerError(code, state, text.decode("utf-8", "replace"))


def parse_ok(packet: bytes) -> ServerReply:
    """An OK packet; its header may be 0xFE at the end of a result, where DEPRECATE_EOF is in force."""
    reader = Reader(packet, 1)
    affected, inserted = reader.length_encoded_integer(), reader.length_encoded_integer()
    return ServerReply(affected, inserted, reader.integer(2), reader.integer(2))


def parse_eof(packet: bytes) -> ServerReply:
    reader = Reader(packet, 1)
    warnings = reader.integer(2)
    return ServerReply(status=reader.integer(2), warnings=warnings)
