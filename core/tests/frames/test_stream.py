"""A stream can be closed, cancelled and limited, and never passes off a cut result as a whole one."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import polars as pl
import pyarrow as pa
import pytest

from headwater.errors import DownstreamServerError, QueryCanceledError
from headwater.frames import Frame, FrameError, FrameMeta, FrameStream, Notice, StreamClosedError

SCHEMA = pa.schema([("a", pa.int64())])


class Producer:
    """Batches of ten rows; remembers whether it was wound up."""

    def __init__(self, batches: int = 3, error: BaseException | None = None) -> None:
        self.ended = 0
        self._batches = batches
        self._error = error

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for number in range(self._batches):
                yield pa.record_batch({"a": range(number * 10, number * 10 + 10)}, schema=SCHEMA)
            if self._error is not None:
                raise self._error
        finally:
            self.ended += 1


def test_a_stream_hands_on_batches_and_counts() -> None:
    stream = FrameStream(SCHEMA, Producer())
    assert [batch.num_rows for batch in stream] == [10, 10, 10]
    assert (stream.rows, stream.bytes, stream.exhausted) == (30, 240, True)


def test_closing_ends_the_producer_once() -> None:
    producer, closed = Producer(), []
    stream = FrameStream(SCHEMA, producer, on_close=lambda: closed.append(1))
    next(stream)
    stream.close()
    stream.close()
    assert (producer.ended, closed) == (1, [1])


def test_reading_to_the_end_releases_without_close() -> None:
    closed: list[int] = []
    list(FrameStream(SCHEMA, Producer(), on_close=lambda: closed.append(1)))
    assert closed == [1]


def test_reading_a_closed_stream_is_an_error_not_an_end() -> None:
    stream = FrameStream(SCHEMA, Producer())
    next(stream)
    stream.close()
    with pytest.raises(StreamClosedError):
        next(stream)


def test_reading_past_the_end_stays_at_the_end() -> None:
    stream = FrameStream(SCHEMA, Producer(1))
    assert len(list(stream)) == 1
    assert list(stream) == []


def test_cancelling_tells_the_source_then_closes() -> None:
    told: list[str] = []
    stream = FrameStream(
        SCHEMA, Producer(), on_cancel=lambda: told.append("cancel"), on_close=lambda: told.append("close")
    )
    next(stream)
    stream.cancel()
    stream.cancel()
    assert told == ["cancel", "close"]
    with pytest.raises(QueryCanceledError):
        next(stream)


@pytest.mark.parametrize(("end", "cancelled"), [(FrameStream.cancel, True), (FrameStream.close, False)])
def test_a_stream_tells_whether_it_was_cancelled(end: Callable[[FrameStream], None], cancelled: bool) -> None:
    stream = FrameStream(SCHEMA, Producer())
    assert not stream.cancelled
    end(stream)
    assert (stream.closed, stream.cancelled, stream.exhausted) == (True, cancelled, False)


def test_cancelling_a_stream_that_has_ended_tells_nobody() -> None:
    told: list[str] = []
    stream = FrameStream(SCHEMA, Producer(), on_cancel=lambda: told.append("cancel"))
    list(stream)
    stream.cancel()
    assert told == []


def test_closing_from_another_thread_while_the_producer_works_is_safe() -> None:
    working, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def produce() -> Iterator[pa.RecordBatch]:
        try:
            working.set()
            assert go_on.wait(10)
            yield pa.record_batch({"a": [1]}, schema=SCHEMA)
        finally:
            ended.set()

    stream = FrameStream(SCHEMA, produce())
    reader = threading.Thread(target=lambda: next(stream))
    reader.start()
    assert working.wait(10)
    stream.close()
    assert not ended.is_set()
    go_on.set()
    reader.join(10)
    assert ended.is_set()


def test_two_threads_cannot_read_at_once() -> None:
    working, go_on = threading.Event(), threading.Event()

    def produce() -> Iterator[pa.RecordBatch]:
        working.set()
        assert go_on.wait(10)
        yield pa.record_batch({"a": [1]}, schema=SCHEMA)

    stream = FrameStream(SCHEMA, produce())
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    assert working.wait(10)
    with pytest.raises(FrameError, match="already being read"):
        next(stream)
    go_on.set()
    reader.join(10)


def test_the_producers_error_keeps_its_type_and_is_remembered() -> None:
    error = DownstreamServerError("table is gone", code=60)
    closed: list[int] = []
    stream = FrameStream(SCHEMA, Producer(1, error), on_close=lambda: closed.append(1))
    with pytest.raises(DownstreamServerError) as caught:
        list(stream)
    assert caught.value is error
    assert stream.error is error
    assert closed == [1]
    with pytest.raises(DownstreamServerError):
        next(stream)


def test_an_arrow_consumer_finds_the_typed_error_on_the_stream() -> None:
    error = DownstreamServerError("table is gone", code=60)
    stream = FrameStream(SCHEMA, Producer(1, error))
    with pytest.raises(pa.ArrowException):
        pa.table(stream)
    assert stream.error is error


def test_arrow_consumers_read_a_stream_with_its_description() -> None:
    table = pa.table(FrameStream(SCHEMA, Producer(), name="n", ref_id="A"))
    assert table.schema.metadata == {b"name": b"n", b"refId": b"A"}
    assert pl.DataFrame(FrameStream(SCHEMA, Producer())).height == 30


def test_an_arrow_reader_that_is_dropped_early_ends_the_producer() -> None:
    producer = Producer()
    stream = FrameStream(SCHEMA, producer)
    reader = pa.RecordBatchReader.from_stream(stream)
    reader.read_next_batch()
    del reader
    gc.collect()
    assert producer.ended == 1


def test_a_batch_of_another_schema_is_the_producers_fault() -> None:
    stream = FrameStream(SCHEMA, iter([pa.record_batch({"b": [1.5]})]))
    with pytest.raises(FrameError, match=r"column pyarrow\.Field<b: double> instead of"):
        next(stream)


def test_a_schema_of_other_columns_is_told_by_what_differs() -> None:
    declared = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    for got, said in (
        ({"a": [1]}, "1 columns instead of 2"),
        ({"a": [1], "c": [1]}, r"column pyarrow\.Field<c: int64> instead of pyarrow\.Field<b: int64>"),
    ):
        with pytest.raises(FrameError, match=f"a batch of another schema: {said}"):
            next(FrameStream(declared, iter([pa.record_batch(got)])))


def test_a_table_is_no_batch() -> None:
    stream = FrameStream(SCHEMA, iter([pa.table({"a": [1]})]))
    with pytest.raises(FrameError, match="the producer yielded Table instead of a RecordBatch"):
        next(stream)


def test_an_interrupted_producer_is_wound_up_and_its_stream_closed() -> None:
    producer, closed = Producer(0, KeyboardInterrupt()), list[int]()
    stream = FrameStream(SCHEMA, producer, on_close=lambda: closed.append(1))
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert (stream.error, stream.closed, producer.ended, closed) == (None, True, 1, [1])
    with pytest.raises(StreamClosedError):
        next(stream)


def test_collect_makes_one_frame_of_all_batches() -> None:
    frame = FrameStream(SCHEMA, Producer(), name="n", ref_id="A").collect()
    assert (frame.num_rows, frame.name, frame.ref_id, frame.meta) == (30, "n", "A", None)


def test_a_row_limit_leaves_a_notice_and_a_flag() -> None:
    producer = Producer(100)
    stream = FrameStream(SCHEMA, producer)
    frame = stream.collect(max_rows=25)
    assert frame.num_rows == 25
    assert stream.truncated
    assert frame.notices == (
        Notice.warning("Results have been limited to 25 because the row limit was reached"),
    )
    assert producer.ended == 1


def test_a_result_that_just_fits_is_not_limited() -> None:
    stream = FrameStream(SCHEMA, Producer(3))
    frame = stream.collect(max_rows=30)
    assert (frame.num_rows, frame.notices, stream.truncated) == (30, (), False)


def test_a_byte_limit_cuts_within_a_batch() -> None:
    stream = FrameStream(SCHEMA, Producer(3))
    frame = stream.collect(max_bytes=100)
    assert frame.num_rows == 12
    assert frame.notices == (
        Notice.warning("Results have been limited to 12 because the byte limit was reached"),
    )


def test_a_limited_stream_passes_notices_and_closing_on() -> None:
    producer = Producer(5)
    stream = FrameStream(SCHEMA, producer, meta=FrameMeta(executed_query_string="SELECT 1"))
    limited = stream.limited(max_rows=15)
    next(limited)
    stream.add_notice(Notice.info("from the producer"))
    assert sum(batch.num_rows for batch in limited) == 5
    assert limited.meta is not None
    assert limited.meta.executed_query_string == "SELECT 1"
    assert [notice.severity for notice in limited.meta.notices] == ["info", "warning"]
    assert producer.ended == 1


def test_an_error_passes_through_a_limit() -> None:
    error = DownstreamServerError("gone")
    stream = FrameStream(SCHEMA, Producer(2, error))
    with pytest.raises(DownstreamServerError):
        stream.collect(max_rows=1000)
    assert stream.error is error


def test_meta_may_change_until_the_end() -> None:
    stream = FrameStream(SCHEMA, Producer())
    next(stream)
    stream.add_notice(Notice.warning("late"))
    assert [notice.text for notice in stream.collect().notices] == ["late"]


def test_a_frame_as_a_stream_is_the_frame() -> None:
    frame = Frame.from_pydict({"a": list(range(100))}, name="n", labels={"a": {"x": "y"}})
    stream = FrameStream.from_frame(frame, batch_rows=30)
    assert stream.collect() == frame


def test_a_reader_becomes_a_stream_with_its_description() -> None:
    frame = Frame.from_pydict({"a": [1, 2]}, name="n", meta=FrameMeta(path="p"))
    closed: list[int] = []
    stream = FrameStream.from_reader(frame.table.to_reader(), on_close=lambda: closed.append(1))
    assert stream.collect() == frame
    assert closed == [1]


def test_a_stream_that_nobody_closes_says_so_and_is_closed() -> None:
    producer = Producer()
    stream = FrameStream(SCHEMA, producer)
    next(stream)
    with pytest.warns(ResourceWarning, match="unclosed <FrameStream: 1 columns, 10 rows read, open>"):  # noqa: PT031
        del stream
        gc.collect()
    assert producer.ended == 1


def test_a_failing_on_close_still_ends_the_producer() -> None:
    producer = Producer()

    def fail() -> None:
        raise OSError("socket")

    stream = FrameStream(SCHEMA, producer, on_close=fail)
    next(stream)
    with pytest.raises(OSError, match="socket"):
        stream.close()
    assert producer.ended == 1
    stream.close()
