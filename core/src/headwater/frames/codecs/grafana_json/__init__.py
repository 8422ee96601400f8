"""Grafana's JSON, both ways: frames, the answer of `/api/ds/query`, and chunked answers.

| | encode | decode |
|---|---|---|
| one frame | `encode_frame`, `iter_frame` | `decode_frame`, `append_frame` |
| QueryDataResponse | `encode_response`, `iter_response` | `decode_response` |
| `text/jsonl` | `stream_chunks`, `encode_chunks` | `decode_chunks` |

The `iter_` forms yield bounded pieces: memory does not grow with the frame.
"""

from __future__ import annotations

from .chunks import JSON_LINES_MEDIA_TYPE, decode_chunks, encode_chunks, stream_chunks
from .decode import append_frame, decode_frame
from .encode import FrameInclude, encode_frame, iter_frame
from .response import decode_response, encode_response, iter_response

__all__ = [
    "JSON_LINES_MEDIA_TYPE",
    "FrameInclude",
    "append_frame",
    "decode_chunks",
    "decode_frame",
    "decode_response",
    "encode_chunks",
    "encode_frame",
    "encode_response",
    "iter_frame",
    "iter_response",
    "stream_chunks",
]
