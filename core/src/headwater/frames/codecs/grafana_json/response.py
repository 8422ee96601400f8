"""The answer of `/api/ds/query` in JSON, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.errors import DownstreamError, ErrorSource, HeadwaterError, PluginRequestFailedError
from headwater.frames import json_text
from headwater.frames.errors import FrameDecodeError
from headwater.frames.json_records import as_int, as_mapping, as_text, as_tuple
from headwater.frames.responses import DataResponse, QueryDataResponse

from .decode import MAX_BYTES, frame_from_json, load
from .encode import iter_frame


def encode_response(response: QueryDataResponse) -> bytes:
    """`response` as JSON in one piece; `iter_response` is for large ones."""
    return b"".join(iter_response(response))


def iter_response(response: QueryDataResponse) -> Iterator[bytes]:
    """`response` as JSON in bounded pieces: `{"results": {"A": {…}}}`, ref ids sorted.

    A ref id's object has `error` and `errorSource` if there is an error, then `status`, then `frames`.

    :raises FrameError: a frame cannot be written; some pieces may have been yielded already.
    """
    yield b'{"results":{'
    for index, ref_id in enumerate(sorted(response.responses)):
        yield (b"," if index else b"") + json_text.dumps(ref_id) + b":"
        yield from iter_data_response(response.responses[ref_id])
    yield b"}}"


def iter_data_response(response: DataResponse) -> Iterator[bytes]:
    """What stands under one ref id."""
    head = json_text.dumps(outcome(response.error, response.status, response.error_source))
    if response.error is not None and not response.frames:
        yield head
        return
    yield head[:-1] + b',"frames":['
    for index, frame in enumerate(response.frames):
        if index:
            yield b","
        yield from iter_frame(frame)
    yield b"]}"


def outcome(
    error: HeadwaterError | None, status: int = 200, source: ErrorSource | None = None
) -> dict[str, Any]:
    """`error`, `errorSource` and `status` as Grafana writes them."""
    if error is None:
        return {"status": status or 200}
    blamed = source or error.source
    failed = status if 400 <= status < 600 else error.status
    return {"error": str(error), "errorSource": blamed.wire, "status": failed}


def decode_response(
    data: bytes | bytearray | memoryview | str, *, max_bytes: int = MAX_BYTES
) -> QueryDataResponse:
    """The answer that the JSON object `data` describes.

    Errors come back as DownstreamError or PluginRequestFailedError with the status that was written.

    :raises FrameTooLargeError: `data` is longer than `max_bytes`.
    :raises FrameDecodeError: not JSON, an unknown key, or a frame is malformed; `path` names the place.
    """
    members = as_mapping(load(data, max_bytes), "")
    _refuse_unknown(members.keys() - {"results"}, "")
    results = as_mapping(members.get("results") or {}, "results")
    return QueryDataResponse(
        {ref_id: _data_response(value, f"results.{ref_id}") for ref_id, value in results.items()}
    )


def _data_response(value: Any, path: str) -> DataResponse:
    members = as_mapping(value, path)
    _refuse_unknown(members.keys() - {"error", "errorSource", "status", "frames"}, path)
    frames = as_tuple(frame_from_json)(members.get("frames") or [], f"{path}.frames")
    status = as_int(members.get("status") or 200, f"{path}.status")
    message = as_text(members.get("error") or "", f"{path}.error")
    if not message:
        return DataResponse(frames, status=status)
    error = read_error(message, as_text(members.get("errorSource") or "", f"{path}.errorSource"), status)
    return DataResponse(frames, error, error.status, error.source)


def read_error(message: str, source: str, status: int) -> HeadwaterError:
    """The error that `outcome` wrote."""
    failed = status if 400 <= status < 600 else 500
    if source == ErrorSource.DOWNSTREAM:
        return DownstreamError(message, status=failed)
    return PluginRequestFailedError(message, status=failed)


def _refuse_unknown(keys: set[str], path: str) -> None:
    if keys:
        first = min(keys)
        raise FrameDecodeError("unexpected key", path=f"{path}.{first}" if path else first)
