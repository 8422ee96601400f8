"""Chunked answers: one JSON object per line, schema first, rows appended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import DownstreamError, DownstreamServerError, TextPosition
from headwater.frames import Frame, FrameDecodeError, FrameStream, decode_chunks, encode_chunks, stream_chunks
from headwater.models import QueryChunk

FRAME = Frame.from_pydict({"a": list(range(5))}, name="n", ref_id="A")


def lines(stream: FrameStream | Frame, **options: Any) -> list[bytes]:
    return list(encode_chunks(stream_chunks(stream, "A", **options)))


def test_the_first_chunk_has_the_schema_and_later_ones_only_data() -> None:
    written = [json.loads(line) for line in lines(FRAME, batch_rows=2)]
    assert [list(line["frame"]) for line in written] == [["schema", "data"], ["data"], ["data"]]
    assert [list(line) for line in written] == [["refId", "frameId", "frame", "status"]] * 3
    assert [line["frame"]["data"]["values"] for line in written] == [[[0, 1]], [[2, 3]], [[4]]]


def test_each_chunk_is_one_line() -> None:
    text = Frame.from_pydict({"a": ["line\nbreak"]})
    assert [line.count(b"\n") for line in lines(text)] == [1]


def test_a_frame_without_rows_still_tells_its_schema() -> None:
    (line,) = lines(FRAME.slice(0, 0))
    assert json.loads(line)["frame"]["schema"]["name"] == "n"


@pytest.mark.parametrize(
    "column",
    [
        pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array(["text"])]),
        pa.ListArray.from_arrays([0, 1], pa.array([bytes(16)], pa.uuid())),
    ],
    ids=["union", "uuids in a list"],
)
def test_columns_of_which_arrow_makes_no_empty_ones_are_chunks(column: pa.Array) -> None:
    batch = pa.record_batch([column], names=["v"])
    for batches in ([batch], []):
        (chunk,) = stream_chunks(FrameStream(batch.schema, batches), "A")
        assert chunk.error is None
        assert chunk.frame is not None
        assert (chunk.frame.schema, chunk.frame.num_rows) == (batch.schema, len(batches))


def test_an_error_is_the_last_chunk() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise DownstreamServerError("gone", status=503)

    stream = FrameStream(pa.schema([("a", pa.int64())]), batches())
    first, last = (json.loads(line) for line in lines(stream))
    assert "error" not in first
    assert last == {"refId": "A", "frameId": "0", "error": "gone", "errorSource": "downstream", "status": 503}


def test_a_bug_in_the_producer_is_told_without_its_text() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise KeyError("password=hunter2")

    stream = FrameStream(pa.schema([("a", pa.int64())]), batches())
    last = json.loads(lines(stream)[-1])
    assert last["errorSource"] == "plugin"
    assert "hunter2" not in last["error"]


def test_notices_that_come_up_on_the_way_follow_in_a_frame_of_their_own() -> None:
    stream = FrameStream.from_frame(FRAME, batch_rows=2).limited(max_rows=3)
    last = json.loads(lines(stream)[-1])
    assert last["frameId"] == "0-notices"
    assert last["frame"]["schema"]["fields"] == []
    assert "limited to 3" in last["frame"]["schema"]["meta"]["notices"][0]["text"]


def test_chunks_come_back_as_they_were() -> None:
    chunks = list(decode_chunks(lines(FRAME, batch_rows=2)))
    assert [chunk.frame_id for chunk in chunks] == ["0", "0", "0"]
    tables = [chunk.frame.table for chunk in chunks if chunk.frame is not None]
    assert Frame.from_table(pa.concat_tables(tables)) == FRAME


def test_an_error_comes_back_as_an_error() -> None:
    line = next(encode_chunks([QueryChunk("A", error=DownstreamServerError("gone", status=503))]))
    (chunk,) = decode_chunks([line, b"\n"])
    assert isinstance(chunk.error, DownstreamError)
    assert (str(chunk.error), chunk.error.status, chunk.frame) == ("gone", 503, None)


@pytest.mark.parametrize("position", [None, TextPosition(2), TextPosition(2, 10)])
def test_the_place_of_a_fault_is_told_to_those_who_ask_for_it(position: TextPosition | None) -> None:
    error = DownstreamServerError("no")
    error.position = position
    [silent] = encode_chunks([QueryChunk("A", error=error)])
    [told] = encode_chunks([QueryChunk("A", error=error)], positions=True)
    assert b"errorPosition" not in silent
    (chunk,) = decode_chunks([told])
    assert chunk.error is not None
    assert chunk.error.position == position


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b'{"refId":"A","frameId":"0","frame":{"data":{"values":[]}}}',
            "line 1.frame: data before its schema",
        ),
        (b"[]", "line 1: expected an object"),
        (b'{"error":"x","errorPosition":{"line":"2"}}', "line 1.errorPosition.line"),
        (b"{", "not JSON"),
    ],
)
def test_a_malformed_line_is_refused(line: bytes, message: str) -> None:
    with pytest.raises(FrameDecodeError, match=message):
        list(decode_chunks([line]))
