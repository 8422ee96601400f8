"""Chunked answers between hosts: a line of JSON, then Arrow."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.errors import (
    DownstreamConnectionError,
    DownstreamServerError,
    ErrorSource,
    HeadwaterError,
    LimitExceededError,
    QueryError,
    TextPosition,
    ValidationError,
)
from headwater.frames import (
    Frame,
    FrameDecodeError,
    FrameMeta,
    FrameTooLargeError,
    Notice,
    decode_arrow_chunks,
    encode_arrow_chunks,
    encode_stream,
)
from headwater.models import QueryChunk

ROWS = Frame.from_pydict({"a": [1, None, 3], "b": ["x", "", None]}, name="n", ref_id="A")


def there_and_back(*chunks: QueryChunk) -> list[QueryChunk]:
    return list(decode_arrow_chunks(io.BytesIO(b"".join(encode_arrow_chunks(chunks)))))


@given(
    st.lists(
        st.tuples(
            st.text(max_size=8), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.text(max_size=9)
        )
    )
)
def test_what_goes_in_comes_out(pieces: list[tuple[str, list[int | None], str]]) -> None:
    chunks = [
        QueryChunk(ref_id, str(index), Frame(pa.table({"n": pa.array(values, pa.int64())}), name=name))
        for index, (ref_id, values, name) in enumerate(pieces)
    ]
    read = there_and_back(*chunks)
    assert [(chunk.ref_id, chunk.frame_id) for chunk in read] == [(c.ref_id, c.frame_id) for c in chunks]
    written = [
        [b"".join(encode_stream(chunk.frame)) for chunk in each if chunk.frame] for each in (read, chunks)
    ]
    assert written[0] == written[1]


def test_meta_and_notices_travel() -> None:
    frame = ROWS.with_(meta=FrameMeta(executed_query_string="SELECT 1")).with_notice(Notice.warning("mind"))
    (chunk,) = there_and_back(QueryChunk("A", "0", frame))
    assert chunk.frame is not None
    assert chunk.frame.meta == frame.meta


@pytest.mark.parametrize(
    "error",
    [
        QueryError("bad query"),
        ValidationError("is required", path="from"),
        LimitExceededError("too many"),
        DownstreamServerError("gone", status=503, retryable=True, code=1205),
        HeadwaterError("odd", source=ErrorSource.PLUGIN),
    ],
)
def test_an_error_keeps_its_class_and_what_it_says(error: HeadwaterError) -> None:
    (chunk,) = there_and_back(QueryChunk("A", error=error))
    told = chunk.error
    assert type(told) is type(error)
    assert told is not None
    assert (str(told), told.status, told.source, told.retryable, told.message_id) == (
        str(error), error.status, error.source, error.retryable, error.message_id,
    )  # fmt: skip


@pytest.mark.parametrize("position", [None, TextPosition(2), TextPosition(2, 10)])
def test_an_error_keeps_its_place(position: TextPosition | None) -> None:
    error = QueryError("bad query")
    error.position = position
    (chunk,) = there_and_back(QueryChunk("A", error=error))
    assert chunk.error is not None
    assert chunk.error.position == position


def test_progress_is_told_on_the_way() -> None:
    answer = b'{"progress":{"rows":7}}\n' + b"".join(encode_arrow_chunks([QueryChunk("A", "0", ROWS)]))
    seen: list[object] = []
    assert len(list(decode_arrow_chunks(io.BytesIO(answer), on_progress=seen.append))) == 1
    assert seen == [{"rows": 7}]


def test_an_answer_cut_anywhere_is_cut_off() -> None:
    whole = b"".join(encode_arrow_chunks([QueryChunk("A", "0", ROWS), QueryChunk("B", "0", ROWS)]))
    for end in range(len(whole)):
        with pytest.raises(DownstreamConnectionError):
            list(decode_arrow_chunks(io.BytesIO(whole[:end])))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<html>\n", FrameDecodeError),
        (b"[1]\n", FrameDecodeError),
        (b'{"refId":1,"frameId":"0"}\n', FrameDecodeError),
        (b'{"refId":"A","frameId":"0","bytes":"7"}\n', FrameDecodeError),
        (b'{"refId":"A","frameId":"0","bytes":-1}\n', FrameTooLargeError),
        (b'{"refId":"A","frameId":"0","bytes":99999999999}\n', FrameTooLargeError),
        (b'{"refId":"A","frameId":"0","bytes":3}\nabc', FrameDecodeError),
        (
            b'{"refId":"A","frameId":"0","error":"x","source":"nobody","status":1,"messageId":""}\n',
            FrameDecodeError,
        ),
        (b"x" * 300_000, FrameDecodeError),
    ],
)
def test_what_is_no_answer_is_refused(answer: bytes, kind: type[HeadwaterError]) -> None:
    with pytest.raises(kind):
        list(decode_arrow_chunks(io.BytesIO(answer)))


def test_a_hosts_own_words_are_json_lines() -> None:
    *_, end = b"".join(encode_arrow_chunks([QueryChunk("A", error=QueryError("no"))])).splitlines()
    assert json.loads(end) == {"end": True}
