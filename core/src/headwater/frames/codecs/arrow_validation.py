"""What Arrow IPC messages declare, read before Arrow acts on it.

Arrow allocates whatever a compressed buffer says it will hold, so that 33 kB can ask for a gibibyte. This
reads the few numbers that matter straight from the flatbuffers (Arrow's Message.fbs and File.fbs) and
refuses what exceeds the caller's limit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from headwater.frames.errors import FrameDecodeError, FrameTooLargeError

MAGIC = b"ARROW1"
MAX_METADATA_BYTES = 64 * 1024 * 1024
"""How much a message may tell about its body: more than the schemas of a hundred thousand columns."""

_CONTINUATION = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_BUFFER, _BLOCK = struct.Struct("<qq"), struct.Struct("<qi4xq")
"""Members of Arrow's structs: offset and length; offset, bytes of metadata and bytes of the body."""


class _Table:
    """A flatbuffers table at `at` in `data`. Every access is bounds-checked by struct."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at
        self._vtable = at - _read(data, "<i", at)
        self._vtable_bytes = _read(data, "<H", self._vtable)

    @classmethod
    def root(cls, data: memoryview) -> _Table:
        return cls(data, _read(data, "<I", 0))

    def scalar(self, field: int, format_: str) -> int:
        place = self._place(field)
        return _read(self._data, format_, place) if place else 0

    def table(self, field: int) -> _Table | None:
        place = self._place(field)
        return _Table(self._data, place + _read(self._data, "<I", place)) if place else None

    def structs(self, field: int, layout: struct.Struct) -> Iterator[tuple[int, ...]]:
        """The members of each struct of a vector of structs."""
        place = self._place(field)
        if not place:
            return iter(())
        start = place + _read(self._data, "<I", place)
        end = start + 4 + _read(self._data, "<I", start) * layout.size
        if end > len(self._data):
            raise FrameDecodeError("an Arrow message declares a vector longer than itself")
        return layout.iter_unpack(self._data[start + 4 : end])

    def _place(self, field: int) -> int:
        slot = 4 + 2 * field
        if slot >= self._vtable_bytes:
            return 0
        offset = _read(self._data, "<H", self._vtable + slot)
        return self._at + offset if offset else 0


def arrow_body_length(metadata: memoryview) -> int:
    """Bytes of the body that follows a message's metadata.

    :raises FrameDecodeError: it contradicts itself.
    """
    length = _Table.root(metadata).scalar(3, "<q")
    if length < 0:
        raise FrameDecodeError("an Arrow message declares a negative length")
    return length


def check_arrow_message(metadata: memoryview, body: memoryview, max_bytes: int, max_rows: int) -> int:
    """Bytes that the message's body decodes to.

    :raises FrameTooLargeError: it declares more than the limits.
    :raises FrameDecodeError: it contradicts itself.
    """
    message = _Table.root(metadata)
    kind = message.scalar(1, "<B")
    header = message.table(2)
    batch = header.table(1) if header is not None and kind == _DICTIONARY_BATCH else header
    if batch is None or kind not in {_DICTIONARY_BATCH, _RECORD_BATCH}:
        return 0
    rows = batch.scalar(0, "<q")
    if not 0 <= rows <= max_rows:
        raise FrameTooLargeError(f"a record batch declares {rows} rows; the limit is {max_rows}")
    compressed = batch.table(3) is not None
    total = 0
    for offset, length in batch.structs(2, _BUFFER):
        if offset < 0 or length < 0 or offset + length > len(body):
            raise FrameDecodeError("a record batch declares a buffer outside its body")
        total += _decoded_length(body[offset : offset + length]) if compressed else length
        if total > max_bytes:
            raise FrameTooLargeError(f"a record batch declares more than {max_bytes} bytes")
    return total


def check_file(data: memoryview, max_bytes: int, max_rows: int) -> None:
    """Check every message that the footer of an IPC file names; see `check_arrow_message`."""
    end = len(data) - len(MAGIC) - 4
    if end < 8 or data[: len(MAGIC)] != MAGIC or data[-len(MAGIC) :] != MAGIC:
        raise FrameDecodeError("not an Arrow IPC file")
    length = _read(data, "<i", end)
    if not 0 < length <= end:
        raise FrameDecodeError("the footer of the Arrow file is outside of it")
    footer = _Table.root(data[end - length : end])
    total = 0
    for field in (2, 3):
        for start, metadata_bytes, body_bytes in footer.structs(field, _BLOCK):
            middle = start + metadata_bytes
            stop = middle + body_bytes
            if not 0 <= start < middle <= stop <= end:
                raise FrameDecodeError("the Arrow file's footer names a block outside of it")
            metadata = _without_prefix(data[start:middle])
            total += check_arrow_message(metadata, data[middle:stop], max_bytes - total, max_rows)


def _without_prefix(metadata: memoryview) -> memoryview:
    """A message's metadata without its length, which older writers put without a continuation mark."""
    return metadata[8:] if _read(metadata, "<I", 0) == _CONTINUATION else metadata[4:]


def _decoded_length(buffer: memoryview) -> int:
    if not len(buffer):
        return 0
    declared = _read(buffer, "<q", 0)
    if declared < -1:
        raise FrameDecodeError("a compressed buffer declares a negative length")
    return len(buffer) - 8 if declared == -1 else declared


def _read(data: memoryview, format_: str, at: int) -> int:
    if at < 0:
        raise FrameDecodeError("an Arrow message points outside of itself")
    try:
        value: int = struct.unpack_from(format_, data, at)[0]
    except struct.error as error:
        raise FrameDecodeError("an Arrow message points outside of itself") from error
    return value
