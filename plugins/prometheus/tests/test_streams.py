"""`long` and `wide` row by row: what the collected answer has, in bounded memory."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
import pytest

import headwater_prometheus.answer
import headwater_prometheus.datasource
import headwater_prometheus.streams
from headwater import TimeRange
from headwater.errors import LimitExceededError, QueryError
from headwater.frames import FrameStream
from servers.prometheus_samples import HOUR, POINTS, START, STEP, Live, Source, SourceMaker
from servers.scripted_http import Request, answer, serve


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known samples are few: pieces and slices are as small, so that answers are of many."""
    monkeypatch.setattr(headwater_prometheus.answer, "PIECE_BYTES", 100)
    monkeypatch.setattr(headwater_prometheus.streams, "LEAD_PIECES", 1)
    monkeypatch.setattr(headwater_prometheus.streams, "SLICE_SAMPLES", 100)


def opened(source: Source, query: dict[str, Any], **options: Any) -> FrameStream:
    return source.host.stream(source.name, query, **{"time_range": HOUR, **options})


def rows_and_batches(stream: FrameStream) -> tuple[pa.Table, int]:
    with stream:
        batches = list(stream)
    return pa.Table.from_batches(batches, stream.schema).replace_schema_metadata(None), len(batches)


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("layout", ["long", "wide"])
@pytest.mark.parametrize(
    "expr", ["requests", "rate(requests[1m])", "gappy or requests", "{__name__=~'special|requests'}"]
)
def test_a_stream_has_the_columns_and_rows_of_the_collected_answer(
    source: Source, layout: str, expr: str
) -> None:
    query = {"expr": expr, "layout": layout}
    rows, batches = rows_and_batches(opened(source, query))
    whole = source.query(query).table
    assert batches > 1
    assert rows.schema == whole.schema
    assert [str(row) for row in rows.to_pylist()] == [str(row) for row in whole.to_pylist()]


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_steps_between_those_of_a_subquery_have_their_series(source: Source, layout: str) -> None:
    """Each of these series has a sample at one step only."""
    query = {
        "expr": "count_values('v', requests)",
        "layout": layout,
        "interval": "1m",
        "utcOffsetSec": 7,
    }
    rows, batches = rows_and_batches(opened(source, query))
    whole = source.query(query).table
    assert batches > 1
    assert rows.schema.names == whole.schema.names
    assert rows.to_pylist() == whole.to_pylist()


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_columns_of_a_stream_have_labels_and_names_as_the_collected_answer(
    source: Source, layout: str
) -> None:
    query = {"expr": "requests", "layout": layout, "legendFormat": "{{job}}"}
    with opened(source, query) as stream:
        assert stream.schema.equals(source.query(query).schema, check_metadata=True)


@pytest.mark.usefixtures("in_pieces")
def test_steps_that_no_series_has_are_no_rows_of_a_wide_stream(source: Source) -> None:
    query = {"expr": "gappy", "interval": "5m", "layout": "wide"}
    rows, _ = rows_and_batches(opened(source, query))
    assert rows.to_pylist() == source.query(query).table.to_pylist()


@pytest.mark.usefixtures("in_pieces")
def test_native_histograms_stream_in_long(source: Source, live: Live) -> None:
    query = {"expr": "{__name__=~'latency|mixed|traced_total'}"}
    rows, batches = rows_and_batches(opened(source, query, time_range=live.minute))
    whole = source.query(query, time_range=live.minute).table
    assert batches > 1
    assert sorted(map(str, rows.to_pylist())) == sorted(map(str, whole.to_pylist()))


@pytest.mark.usefixtures("in_pieces")
def test_a_series_of_samples_and_histograms_has_no_one_column_in_a_wide_stream(
    source: Source, live: Live
) -> None:
    query = {"expr": "{__name__=~'latency|mixed|traced_total'}", "layout": "wide"}
    with pytest.raises(QueryError, match="numbers or of native histograms, not of both"):
        rows_and_batches(opened(source, query, time_range=live.minute))


@pytest.mark.usefixtures("in_pieces")
def test_what_depends_on_the_whole_range_is_not_asked_for_in_slices(source: Source) -> None:
    query = {"expr": "requests @ end()", "layout": "wide"}
    rows, batches = rows_and_batches(opened(source, query))
    assert batches == 1
    assert rows.column(1).to_pylist() == source.query(query).table.column(1).to_pylist()


@pytest.mark.parametrize(
    "query",
    [
        {"expr": "requests @ end()", "layout": "wide"},
        {"expr": "requests", "layout": "wide", "range": True, "instant": True},
        {"expr": "requests", "layout": "long", "range": True, "instant": True},
    ],
    ids=str,
)
def test_what_a_stream_has_to_collect_is_bounded(
    source: Source, query: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headwater_prometheus.datasource, "MOST_COLLECTED_BYTES", 5_000)
    chunks = list(source.host.query_chunks(source.name, query, time_range=HOUR))
    assert isinstance(chunks[-1].error, LimitExceededError)
    assert "more than 5000 bytes as a frame" in str(chunks[-1].error)


@pytest.mark.usefixtures("in_pieces")
def test_a_small_answer_that_would_be_a_large_table_is_asked_for_in_slices(
    make_source: SourceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of 40 series has one sample, at a time of its own: 1,600 cells of 40 values."""
    monkeypatch.setattr(headwater_prometheus.streams, "LEAD_PIECES", 100)
    times = [START + number * STEP for number in range(40)]

    def script(request: Request, connection: socket.socket) -> None:
        form = {name: int(values[0]) for name, values in parse_qs(request.body.decode()).items()
                if name in ("start", "end")}  # fmt: skip
        kind = "values" if form else "value"
        result = [
            {"metric": {"n": f"{number:02}"}, kind: [[time, "1"]] if form else [time, "1"]}
            for number, time in enumerate(times)
            if not form or form["start"] <= time <= form["end"]
        ]
        body = json.dumps({"status": "success", "data": {"result": result}}, separators=(",", ":"))
        answer(body.encode())(request, connection)

    with serve(script) as server:
        source = make_source(server.url)
        query = {"expr": "up", "layout": "wide", "interval": "15s"}
        rows, batches = rows_and_batches(opened(source, query))
        whole = source.query(query).table
    assert batches == 20
    assert rows.to_pylist() == whole.to_pylist()


def matrix(series: int, samples: int, *, kind: str = "values", **extra: Any) -> bytes:
    points = [[START + number * STEP, str(number)] for number in range(samples)]
    value: Any = points if kind == "values" else points[-1]
    result = [{"metric": {"n": f"{number:04}"}, kind: value} for number in range(series)]
    data = {"resultType": "matrix" if kind == "values" else "vector", "result": result}
    return json.dumps({"status": "success", "data": data, **extra}, separators=(",", ":")).encode()


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_small_answer_is_one_request(make_source: SourceMaker, layout: str) -> None:
    with serve(answer(matrix(2, 3, warnings=["careful"]))) as server:
        with opened(make_source(server.url), {"expr": "up", "layout": layout}) as stream:
            assert stream.meta is not None
            assert [notice.text for notice in stream.meta.notices] == ["careful"]
            assert sum(batch.num_rows for batch in stream) == (6 if layout == "long" else 3)
        assert len(server.requests) == 1


@pytest.mark.usefixtures("in_pieces")
def test_label_columns_that_are_named_need_not_be_asked_for(make_source: SourceMaker) -> None:
    with serve(answer(matrix(20, 10, warnings=["careful"]))) as server:
        stream = opened(make_source(server.url), {"expr": "up", "labelColumns": ["n"]})
        rows, batches = rows_and_batches(stream)
        assert len(server.requests) == 1
    assert rows.num_rows == 200
    assert batches > 1
    assert stream.meta is not None
    assert [notice.text for notice in stream.meta.notices] == ["careful"]


@pytest.mark.usefixtures("in_pieces")
def test_series_that_come_while_a_wide_answer_is_read_are_left_out_with_a_notice(
    make_source: SourceMaker,
) -> None:
    def script(request: Request, connection: socket.socket) -> None:
        before = request.target.endswith("query")
        answer(matrix(4, 3, kind="value") if before else matrix(6, 3))(request, connection)

    with serve(script) as server:
        stream = opened(make_source(server.url), {"expr": "up", "layout": "wide"})
        rows, _ = rows_and_batches(stream)
    assert rows.num_columns == 5
    assert stream.meta is not None
    assert "2 series are left out" in stream.meta.notices[0].text


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_server_that_cannot_tell_the_series_is_named(make_source: SourceMaker, layout: str) -> None:
    def script(request: Request, connection: socket.socket) -> None:
        refused = b'{"status":"error","errorType":"execution","error":"too many samples"}'
        is_range = request.target.endswith("range")
        answer(matrix(6, 3) if is_range else refused, status="200 OK" if is_range else "422 No")(
            request, connection
        )

    with (
        serve(script) as server,
        pytest.raises(LimitExceededError, match="series cannot be asked for: execution: too many samples"),
    ):
        opened(make_source(server.url), {"expr": "up", "layout": layout})


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_stream_that_is_left_early_leaves_nothing_behind(source: Source, layout: str) -> None:
    before = threading.active_count()
    with opened(source, {"expr": "requests", "layout": layout}) as stream:
        assert next(stream).num_rows > 0
    assert threading.active_count() <= before + 1  # the pool's worker may wait for more
    assert source.query("requests").num_rows == 3 * POINTS


def test_slices_are_asked_for_on_borders_of_steps(
    make_source: SourceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headwater_prometheus.answer, "PIECE_BYTES", 100)
    monkeypatch.setattr(headwater_prometheus.streams, "LEAD_PIECES", 1)
    monkeypatch.setattr(headwater_prometheus.streams, "SLICE_SAMPLES", 600)

    def script(request: Request, connection: socket.socket) -> None:
        is_range = request.target.endswith("range")
        answer(matrix(6, 3, kind="values" if is_range else "value"))(request, connection)

    with serve(script) as server, opened(make_source(server.url), {"expr": "up", "layout": "wide"}) as stream:
        list(stream)
    asked = [parse_qs(request.body.decode()) for request in server.requests]
    ranges = [(int(form["start"][0]), int(form["end"][0])) for form in asked if "start" in form]
    end = START + 3600
    assert ranges == [
        (START, end),
        (START, START + 99 * 15),
        (START + 1500, START + 199 * 15),
        (START + 3000, end),
    ]


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_memory_is_bounded_whatever_the_answers_length(make_source: SourceMaker, layout: str) -> None:
    """Four hours of 2,500 series: 80 MB of text, 58 MB as a table in `long`."""
    points = [f'[{START + number * STEP},"{number}.123456"]' for number in range(961)]
    series = 2_500

    def script(request: Request, connection: socket.socket) -> None:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if request.target.endswith("range"):
            first, last = ((int(form[name]) - START) // STEP for name in ("start", "end"))
            sent = '"values":[' + ",".join(points[first : last + 1]) + "]"
        else:
            sent = '"value":' + points[-1]
        connection.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"status":"success","data":{"result":[')
        for number in range(series):
            comma = "," if number else ""
            connection.sendall(f'{comma}{{"metric":{{"n":"{number}"}},{sent}}}'.encode())
        connection.sendall(b"]}}")
        connection.shutdown(socket.SHUT_RDWR)

    four_hours = TimeRange.from_epoch_ms(START * 1000, (START + 4 * 3600) * 1000)
    with serve(script) as server:
        source = make_source(server.url)
        source.query("up", time_range=TimeRange.from_epoch_ms(START * 1000, START * 1000))
        tracemalloc.start()
        before, arrow, samples = pa.total_allocated_bytes(), 0, 0
        query = {"expr": "up", "layout": layout, "interval": "15s"}
        with opened(source, query, time_range=four_hours) as stream:
            for batch in stream:
                samples += batch.num_rows * (1 if layout == "long" else batch.num_columns - 1)
                arrow = max(arrow, pa.total_allocated_bytes() - before)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert samples == series * len(points)
    assert peak + arrow < 64 * 1024 * 1024
