"""Frames as bytes of a message: Grafana's JSON and Arrow files, or Arrow with every type as it is."""

from __future__ import annotations

import pyarrow as pa

from headwater.errors import FrameError
from headwater.frames import Frame, FrameDecodeError, check_arrow_message

# Grafana's own formats are imported where they are asked for: Headwater's host does not, and what they need
# is a tenth of a plugin's memory.
from .pluginv2_pb2 import ARROW, JSON, NATIVE

# A plugin is trusted with as much memory as one message may take; each format has its own, lower default.
MAX_BYTES = 2**31 - 1


def supported(format_: int) -> int:
    """The format to answer in when `format_` is asked for; Arrow for unknown ones."""
    return format_ if format_ in {JSON, NATIVE} else ARROW


def write_frame(frame: Frame, format_: int) -> bytes:
    """Raises FrameError for a type that Grafana's frames do not have; NATIVE has all."""
    if format_ == NATIVE:
        return _write_native(frame)
    from headwater.frames import encode_frame, encode_grafana_file

    return encode_frame(frame) if format_ == JSON else encode_grafana_file(frame)


def read_frame(data: bytes, format_: int) -> Frame:
    """Raises FrameError for bytes that are no frame, and for a format that nobody has defined."""
    if format_ == NATIVE:
        return Frame.from_table(read_table(data))
    from headwater.frames import decode_frame, decode_grafana_file

    if format_ == JSON:
        return decode_frame(data, max_bytes=MAX_BYTES)
    if format_ == ARROW:
        return decode_grafana_file(data, max_bytes=MAX_BYTES)
    raise FrameError(f"The plugin answered in data format {format_}, which is unknown.")


def _write_native(frame: Frame) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, frame.table.schema) as writer:
        writer.write_table(frame.table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def read_table(data: bytes) -> pa.Table:
    """The table of an Arrow stream, without a copy. Raises FrameDecodeError.

    Checked in full: a process of its own may be one because it is not to be trusted.
    """
    try:
        for message in pa.ipc.MessageReader.open_stream(data):
            body = memoryview(message.body) if message.body is not None else memoryview(b"")
            check_arrow_message(memoryview(message.metadata), body, MAX_BYTES, MAX_BYTES)
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_all()
        table.validate(full=True)
        return table
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise FrameDecodeError(f"not a valid Arrow message: {str(error)[:200]}") from error


class ChunkWriter:
    """The frames of a chunked answer as bytes: JSON has the schema in a frame's first chunk only."""

    def __init__(self, format_: int) -> None:
        self.format: int = supported(format_)
        self._seen: set[tuple[str, str]] = set()

    def write(self, ref_id: str, frame_id: str, frame: Frame) -> bytes:
        """Raises FrameError."""
        if self.format != JSON or (ref_id, frame_id) not in self._seen:
            self._seen.add((ref_id, frame_id))
            return write_frame(frame, self.format)
        from headwater.frames import FrameInclude, encode_frame

        return encode_frame(frame, FrameInclude.DATA)


class ChunkReader:
    """The frames of a chunked answer from bytes: those without a schema have that of their first chunk."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], Frame] = {}

    def read(self, ref_id: str, frame_id: str, data: bytes, format_: int) -> Frame:
        """Raises FrameError."""
        if format_ != JSON:
            return read_frame(data, format_)
        first = self._first.get((ref_id, frame_id))
        if first is not None and not data.lstrip().startswith(b'{"schema"'):
            from headwater.frames import append_frame

            return append_frame(first, data, max_bytes=MAX_BYTES)
        frame = read_frame(data, JSON)
        self._first[ref_id, frame_id] = frame.slice(0, 0)
        return frame
