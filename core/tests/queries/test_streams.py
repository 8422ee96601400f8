"""One stream of rows from the pieces of an answer, closed at every way out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.errors import DownstreamServerError, FrameError, QueryCanceledError
from headwater.frames import FrameMeta, FrameStream, Notice, stream_chunks
from headwater.models import QueryChunk, QueryDataRequest

PATIENCE = 10.0
MakeHost = Callable[..., Headwater]
CancelWhen = Callable[..., None]


def rows(*values: int, ref_id: str = "A", frame_id: str = "0") -> QueryChunk:
    return QueryChunk(ref_id, frame_id, Frame.from_pydict({"a": list(values)}))


class Pieces:
    """Yields its items; an exception is raised, a callable called."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.contexts: list[CallContext] = []
        self.sent = 0
        self.closed = threading.Event()

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        self.contexts.append(context)
        return self._pieces(context)

    def _pieces(self, context: CallContext) -> Iterator[QueryChunk]:
        try:
            for item in self.items:
                if isinstance(item, BaseException):
                    raise item
                piece = item(context) if callable(item) else item
                self.sent += 1
                yield piece
        finally:
            self.closed.set()


def test_rows_arrive_one_piece_after_the_other(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1, 2), rows(3), rows())
    stream = make_host(a=pieces).stream("a", {})
    assert pieces.sent == 1
    assert next(stream).to_pydict() == {"a": [1, 2]}
    assert pieces.sent == 1
    assert pa.table(stream).to_pydict() == {"a": [3]}
    assert pieces.closed.is_set()


def test_the_last_meta_is_the_streams(make_host: MakeHost) -> None:
    noted = Frame.from_pydict({"a": [2]}, meta=FrameMeta(notices=(Notice.warning("cut"),)))
    stream = make_host(a=Pieces(rows(1), QueryChunk("A", frame=noted))).stream("a", {})
    assert stream.meta is None
    frame = stream.read_all()
    assert frame.meta is not None
    assert [notice.text for notice in frame.meta.notices] == ["cut"]


def test_a_piece_with_nothing_in_it_is_passed_over(make_host: MakeHost) -> None:
    stream = make_host(a=Pieces(rows(1), QueryChunk("A"), rows(2))).stream("a", {})
    assert stream.read_all().table.to_pydict() == {"a": [1, 2]}


def test_notices_that_follow_the_rows_are_the_streams(make_host: MakeHost) -> None:
    """What `stream_chunks` sends of a stream that is cut on the way."""
    first = Frame.from_pydict({"a": [1, 2, 3]}, meta=FrameMeta(notices=(Notice.info("sampled"),)))
    cut = FrameStream.from_frame(first, batch_rows=1).limited(max_rows=2)
    stream = make_host(a=Pieces(*stream_chunks(cut, "A"))).stream("a", {})
    frame = stream.read_all()
    assert frame.table.to_pydict() == {"a": [1, 2]}
    assert [notice.severity for notice in frame.notices] == ["info", "warning"]
    assert "limited" in frame.notices[1].text


def test_the_notices_of_another_frame_are_another_frame(make_host: MakeHost) -> None:
    notices = Frame.from_pydict({}, meta=FrameMeta(notices=(Notice.info("of frame 1"),)))
    stream = make_host(a=Pieces(rows(1), QueryChunk("A", "1-notices", notices))).stream("a", {})
    next(stream)
    with pytest.raises(FrameError, match="several frames"):
        next(stream)


def test_a_stream_has_no_deadline_unless_asked(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1))
    host = make_host(a=pieces)
    host.stream("a", {}).close()
    host.stream("a", {}, timeout=5).close()
    assert pieces.contexts[0].deadline is None
    assert 0 < (pieces.contexts[1].remaining() or 0) <= 5


def test_closing_early_ends_the_query(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), rows(2), rows(3))
    with make_host(a=pieces).stream("a", {}) as stream:
        next(stream)
    assert pieces.closed.is_set()
    assert pieces.sent == 1


def test_closing_before_the_first_row_ends_the_query(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), rows(2))
    make_host(a=pieces).stream("a", {}).close()
    assert pieces.closed.is_set()


def test_an_error_before_the_first_rows_is_raised_at_once(make_host: MakeHost) -> None:
    pieces = Pieces(QueryChunk("A", error=DownstreamServerError("no such table")), rows(1))
    with pytest.raises(DownstreamServerError, match="no such table"):
        make_host(a=pieces).stream("a", {})
    assert pieces.closed.is_set()


@pytest.mark.parametrize(
    "fault", [DownstreamServerError("gone"), QueryChunk("A", error=DownstreamServerError("gone"))]
)
def test_an_error_between_rows_is_raised_there_and_kept(make_host: MakeHost, fault: Any) -> None:
    pieces = Pieces(rows(1), fault)
    stream = make_host(a=pieces).stream("a", {})
    assert next(stream).num_rows == 1
    with pytest.raises(DownstreamServerError, match="gone"):
        next(stream)
    assert isinstance(stream.error, DownstreamServerError)
    assert pieces.closed.is_set()


@pytest.mark.parametrize("nothing", [(), (QueryChunk("A"),)])
def test_an_answer_without_rows_is_an_empty_stream(make_host: MakeHost, nothing: Any) -> None:
    pieces = Pieces(*nothing)
    assert make_host(a=pieces).stream("a", {}).read_all().num_rows == 0
    assert pieces.closed.is_set()


def test_a_second_frame_does_not_fit_into_a_stream(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), rows(2, frame_id="1"))
    stream = make_host(a=pieces).stream("a", {})
    next(stream)
    with pytest.raises(FrameError, match="several frames"):
        next(stream)
    assert pieces.closed.is_set()


def test_cancelling_the_stream_tells_the_plugin(make_host: MakeHost) -> None:
    killed = threading.Event()

    def register(context: CallContext) -> QueryChunk:
        context.on_cancel(killed.set)
        return rows(1)

    stream = make_host(a=Pieces(register, rows(2))).stream("a", {})
    stream.cancel()
    assert killed.is_set()
    with pytest.raises(QueryCanceledError):
        next(stream)


def test_cancelling_the_callers_context_ends_a_blocked_read(
    make_host: MakeHost, cancel_when: CancelWhen
) -> None:
    context, reading = CallContext(), threading.Event()

    def block(mine: CallContext) -> QueryChunk:
        reading.set()
        mine.wait(PATIENCE)
        raise AssertionError("not cancelled")

    pieces = Pieces(rows(1), block)
    stream = make_host(a=pieces).stream("a", {}, context=context)
    next(stream)
    cancel_when(reading, context)
    with pytest.raises(QueryCanceledError, match="enough"):
        next(stream)
    assert pieces.closed.is_set()


def test_closing_the_host_ends_an_open_stream(make_host: MakeHost) -> None:
    host = make_host(a=Pieces(rows(1), lambda context: context.wait(PATIENCE)))
    stream = host.stream("a", {})
    next(stream)
    host.close()
    with pytest.raises(QueryCanceledError, match="host is closing"):
        next(stream)


def test_closing_the_host_does_not_wait_for_a_stream_that_nobody_reads(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), lambda context: context.wait(PATIENCE))
    host = make_host(a=pieces)
    stream = host.stream("a", {})
    next(stream)
    host.close()
    assert pieces.closed.is_set()


def test_chunks_keep_frames_apart(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), rows(2, frame_id="1"), QueryChunk("A", error=DownstreamServerError("x")))
    chunks = list(make_host(a=pieces).query_chunks("a", {}))
    assert [(each.frame_id, each.error is None) for each in chunks] == [
        ("0", True),
        ("1", True),
        ("0", False),
    ]


def test_closing_the_chunks_ends_the_query(make_host: MakeHost) -> None:
    pieces = Pieces(rows(1), rows(2))
    chunks = make_host(a=pieces).query_chunks("a", {})
    next(chunks)
    chunks.close()
    assert pieces.closed.is_set()
