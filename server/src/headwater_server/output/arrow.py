"""The Arrow IPC stream format: every type as it is, with the frame's name, labels and meta."""

from __future__ import annotations

from typing import IO

import pyarrow as pa

from headwater.frames import FrameStream


def write_arrow(stream: FrameStream, sink: IO[bytes]) -> None:
    """Batches as they arrive. Dictionaries may grow from batch to batch, as the stream format allows."""
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=False)
    with pa.ipc.new_stream(sink, stream.schema, options=options) as writer:
        for batch in stream:
            writer.write_batch(batch)
