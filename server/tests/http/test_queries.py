"""`POST /api/ds/query`: what Grafana's clients send, and the forms of answer."""

from __future__ import annotations

import io
import itertools
import json
import re
import time
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet
import pytest

from headwater.frames import decode_chunks, decode_response, decode_stream, encode_response
from servers.http_host import RunningHost, eventually
from servers.http_requests import query_of

WALK = {"scenario": "random_walk", "maxDataPoints": 50}
ARROW = {"Accept": "application/vnd.apache.arrow.stream"}
LINES = {"Accept": "text/jsonl"}
PROGRESS = {"X-Headwater-Progress": "true"}
CSV = {"Accept": "text/csv"}
PARQUET = {"Accept": "application/vnd.apache.parquet"}


def ask(client: httpx2.Client, body: Any, **headers: str) -> httpx2.Response:
    return client.post("/api/ds/query", json=body, headers=headers)


def test_a_query_answers_frames_under_its_ref_id(client: httpx2.Client) -> None:
    answer = ask(client, query_of(WALK))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    response = decode_response(answer.content).responses["A"]
    assert response.status == 200
    assert response.frames[0].ref_id == "A"
    assert response.frames[0].table.num_rows > 0


def test_a_failed_query_makes_the_status_400_and_spares_its_neighbours(client: httpx2.Client) -> None:
    failing = {"scenario": "error", "error": "downstream", "message": "it is down"}
    answer = ask(client, query_of(WALK, failing))
    assert answer.status_code == 400
    results = answer.json()["results"]
    assert results["A"]["status"] == 200
    assert results["A"]["frames"]
    assert results["B"] == {"error": "it is down", "errorSource": "downstream", "status": 502}


@pytest.mark.parametrize(
    ("kind", "source", "status"),
    [
        ("bug", "plugin", 500),
        ("caller", "downstream", 400),
        ("limit", "downstream", 422),
        ("connection", "downstream", 502),
        ("auth", "downstream", 401),
        ("timeout", "downstream", 504),
    ],
)
def test_each_failure_says_whose_fault_it_is(
    client: httpx2.Client, kind: str, source: str, status: int
) -> None:
    result = ask(client, query_of({"scenario": "error", "error": kind})).json()["results"]["A"]
    assert (result["errorSource"], result["status"]) == (source, status)


def test_a_bug_of_a_plugin_does_not_show_its_words(client: httpx2.Client) -> None:
    text = ask(client, query_of({"scenario": "error", "error": "bug", "message": "dsn=secret"})).text
    assert "secret" not in text
    assert "Traceback" not in text


def test_with_multi_status_a_failed_query_makes_the_status_207(make_host: Any) -> None:
    with make_host(options={"multi_status": True}).client() as client:
        assert ask(client, query_of(WALK, {"scenario": "error"})).status_code == 207
        assert ask(client, query_of(WALK)).status_code == 200


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        ({"from": "now-1h", "to": "now", "queries": []}, "query.noQueries"),
        ({"from": "now-1h", "to": "now"}, "query.noQueries"),
        (query_of({**WALK, "refId": "A"}, {**WALK, "refId": "A"}), "query.duplicateRefId"),
        (query_of({**WALK, "datasource": None}), "query.missingDataSourceInfo"),
        (query_of({**WALK, "datasource": {"uid": ""}}), "query.invalidDatasourceId"),
        ({**query_of(WALK), "from": "yesterday-ish"}, "request.invalid"),
        ({**query_of(WALK), "from": 7.5}, "request.invalid"),
        ({"queries": [WALK]}, "request.invalid"),
        (query_of({**WALK, "maxDataPoints": "many"}), "request.invalid"),
    ],
)
def test_a_request_that_cannot_be_taken_is_400_with_grafanas_message_id(
    client: httpx2.Client, body: Any, message_id: str
) -> None:
    answer = ask(client, body)
    assert answer.status_code == 400
    assert answer.json()["messageId"] == message_id
    assert answer.json()["statusCode"] == 400
    assert answer.json()["traceID"] == answer.headers["x-request-id"]


def test_headers_that_name_another_data_source_are_refused(client: httpx2.Client) -> None:
    answer = ask(client, query_of(WALK), **{"X-Datasource-Uid": "other"})
    assert (answer.status_code, answer.json()["messageId"]) == (400, "query.headerMismatch")
    assert ask(client, query_of(WALK), **{"X-Datasource-Uid": "demo"}).status_code == 200


def test_an_unknown_data_source_is_404(client: httpx2.Client) -> None:
    answer = ask(client, query_of({**WALK, "datasource": {"uid": "nowhere"}}))
    assert answer.status_code == 404
    assert answer.json()["message"] == "Data source not found"


@pytest.mark.parametrize(
    "reference", [{"datasource": "demo"}, {"datasource": {"uid": "demo", "type": "testdata"}}, "id"]
)
def test_older_ways_to_name_a_data_source_work(
    host: RunningHost, client: httpx2.Client, reference: Any
) -> None:
    if reference == "id":
        number = host.app.host.headwater.store.get_by_uid("demo").id
        reference = {"datasource": None, "datasourceId": number}
    assert ask(client, query_of({**WALK, **reference})).status_code == 200


def test_times_may_be_relative(client: httpx2.Client) -> None:
    body = query_of({"scenario": "request"})
    body |= {"from": "now-6h", "to": "now"}
    frame = decode_response(ask(client, body).content).responses["A"].frames[0]
    row = frame.table.to_pylist()[0]
    assert (row["to"] - row["from"]).total_seconds() == pytest.approx(6 * 3600, abs=2)


def test_the_request_id_of_a_client_reaches_the_plugin_and_the_answer(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "request"}), **{"X-Request-Id": "from-the-proxy-7"})
    assert answer.headers["x-request-id"] == "from-the-proxy-7"
    frame = decode_response(answer.content).responses["A"].frames[0]
    assert frame.table["request_id"].to_pylist() == ["from-the-proxy-7"]


def test_a_request_id_that_could_break_a_log_line_is_replaced(client: httpx2.Client) -> None:
    answer = ask(client, query_of(WALK), **{"X-Request-Id": "a b\t{}"})
    assert answer.headers["x-request-id"] != "a b\t{}"


def test_a_large_answer_is_streamed_and_is_the_codecs_own_text(
    host: RunningHost, client: httpx2.Client
) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 200_000}, {"scenario": "all_types"})
    answer = ask(client, body)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == encode_response(host.app.host.headwater.query_data(body))


def test_rows_beyond_the_limit_are_cut_with_a_notice(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "streaming_rows", "rows": 1_000_010}))
    frame = decode_response(answer.content).responses["A"].frames[0]
    assert frame.table.num_rows == 1_000_000
    assert frame.meta is not None
    assert "limited to 1000000" in frame.meta.notices[0].text


def test_lines_carry_the_rows_in_pieces_with_one_schema(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "streaming_rows", "rows": 20_000}, WALK), **LINES)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/jsonl"
    lines = answer.text.splitlines()
    assert sum('"schema"' in line for line in lines) == 2
    chunks = list(decode_chunks(lines))
    rows = [chunk.frame.table.num_rows for chunk in chunks if chunk.frame is not None and chunk.ref_id == "A"]
    assert sum(rows) == 20_000
    assert len(rows) > 1


def test_an_error_after_the_first_rows_is_a_line_of_its_ref_id(client: httpx2.Client) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 9000, "failAfterRows": 100, "error": "connection"})
    chunks = list(decode_chunks(ask(client, body, **LINES).text.splitlines()))
    assert chunks[0].frame is not None
    assert chunks[0].frame.table.num_rows == 100
    assert chunks[-1].error is not None
    assert chunks[-1].error.status == 502


def test_a_request_for_lines_that_cannot_be_run_has_a_status(client: httpx2.Client) -> None:
    body = query_of({**WALK, "datasource": {"uid": "nowhere"}})
    assert ask(client, body, **LINES).status_code == 404


def test_arrow_answers_keep_every_type(host: RunningHost, client: httpx2.Client) -> None:
    body = query_of({"scenario": "all_types"})
    answer = ask(client, body, **ARROW)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == ARROW["Accept"]
    table = pa.ipc.open_stream(answer.content).read_all()
    expected = host.app.host.headwater.query("demo", {"scenario": "all_types"}).table
    assert table.schema.types == expected.schema.types
    # As text, for NaN does not equal itself.
    assert [c.to_string() for c in table.columns] == [c.to_string() for c in expected.columns]


def test_an_arrow_answer_that_fails_at_once_is_grafanas_json(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "error", "error": "auth"}), **ARROW)
    assert answer.status_code == 400
    assert answer.json()["results"]["A"]["status"] == 401


def test_an_arrow_answer_that_fails_on_the_way_has_no_proper_end(client: httpx2.Client) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 200_000, "failAfterRows": 100_000})
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(client, body, **ARROW)


def test_an_arrow_stream_holds_one_query(client: httpx2.Client) -> None:
    answer = ask(client, query_of(WALK, WALK), **ARROW)
    assert answer.status_code == 400
    assert "text/jsonl" in answer.json()["message"]


def test_arrow_rows_match_json_rows(client: httpx2.Client) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 100_000})
    with decode_stream(ask(client, body, **ARROW).content) as stream:
        rows = stream.collect().table
    columns = ask(client, body).json()["results"]["A"]["frames"][0]["data"]["values"]
    assert rows["id"].to_pylist() == columns[0]
    assert rows["time"].cast(pa.int64()).to_pylist() == columns[1]
    assert rows["city"].to_pylist() == columns[2]


def test_parquet_answers_keep_every_type_that_parquet_has(client: httpx2.Client) -> None:
    body = query_of({"scenario": "all_types"})
    answer = ask(client, body, **PARQUET)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == PARQUET["Accept"]
    saved = pa.parquet.read_table(io.BytesIO(answer.content))
    streamed = pa.ipc.open_stream(ask(client, body, **ARROW).content).read_all()
    assert saved.column_names == streamed.column_names
    changed = {
        new.name for new, old in zip(saved.schema, streamed.schema, strict=True) if new.type != old.type
    }
    parquet_lacks = {"date64", "time32_s", "timestamp_s", "timestamp_s_utc"}
    made_plain = {"month_day_nano_interval", "list_view", "dense_union", "run_end_encoded"}
    assert changed == parquet_lacks | made_plain
    for name in set(saved.column_names) - changed:
        if not re.search("float|double", str(saved[name].type)):  # NaN does not equal itself
            assert saved[name].equals(streamed[name])


def test_a_parquet_answer_keeps_the_labels_of_its_fields(client: httpx2.Client) -> None:
    body = query_of({**WALK, "seriesCount": 2, "format": "wide"})
    saved = pa.parquet.read_schema(io.BytesIO(ask(client, body, **PARQUET).content))
    streamed = pa.ipc.open_stream(ask(client, body, **ARROW).content).schema
    metadata = [field.metadata or {} for field in streamed]
    assert any(b"labels" in each for each in metadata)
    kept = [dict(field.metadata or {}) for field in saved]
    assert all(set(each.items()) <= set(other.items()) for each, other in zip(metadata, kept, strict=True))


def test_columns_of_one_name_are_told_apart_in_parquet(client: httpx2.Client) -> None:
    body = query_of({**WALK, "seriesCount": 2, "format": "wide"})
    table = pa.parquet.read_table(io.BytesIO(ask(client, body, **PARQUET).content))
    assert table.column_names == ["time", 'value{series="walk-0"}', 'value{series="walk-1"}']


def test_a_large_parquet_answer_comes_in_row_groups(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "streaming_rows", "rows": 1_000_000}), **PARQUET)
    saved = pa.parquet.ParquetFile(io.BytesIO(answer.content))
    assert saved.metadata.num_rows == 1_000_000
    assert saved.num_row_groups > 1


def test_several_frames_become_one_parquet_table_with_labels_as_columns(client: httpx2.Client) -> None:
    body = query_of({**WALK, "seriesCount": 3, "format": "multi"})
    table = pa.parquet.read_table(io.BytesIO(ask(client, body, **PARQUET).content))
    assert len(set(table["series"].to_pylist())) == 3


def test_a_parquet_answer_that_fails_before_its_first_rows_is_grafanas_json(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "error", "error": "downstream", "message": "down"}), **PARQUET)
    assert answer.status_code == 400
    assert answer.json()["results"]["A"] == {"error": "down", "errorSource": "downstream", "status": 502}


def test_a_parquet_answer_that_fails_on_the_way_has_no_proper_end(client: httpx2.Client) -> None:
    failing = {"scenario": "streaming_rows", "rows": 1_000_000, "failAfterRows": 900_000}
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(client, query_of(failing), **PARQUET)


def test_csv_is_what_a_spreadsheet_reads(client: httpx2.Client) -> None:
    body = query_of({"scenario": "csv", "csvContent": 'city,people\n"Bern, Stadt",134794\nBasel,\n'})
    answer = ask(client, body, **CSV)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.text == '"city","people"\n"Bern, Stadt",134794\n"Basel",\n'


def test_several_frames_become_one_csv_table_with_labels_as_columns(client: httpx2.Client) -> None:
    lines = ask(client, query_of({**WALK, "seriesCount": 3, "format": "multi"}), **CSV).text.splitlines()
    assert lines[0] == '"time","value","series"'
    assert {line.rsplit(",", 1)[1] for line in lines[1:]} == {'"walk-0"', '"walk-1"', '"walk-2"'}


def test_a_csv_answer_that_fails_before_its_first_rows_is_grafanas_json(client: httpx2.Client) -> None:
    answer = ask(client, query_of({"scenario": "error", "error": "downstream", "message": "down"}), **CSV)
    assert answer.status_code == 400
    assert answer.json()["results"]["A"] == {"error": "down", "errorSource": "downstream", "status": 502}


def test_a_csv_answer_that_fails_on_the_way_has_no_proper_end(client: httpx2.Client) -> None:
    failing = {"scenario": "streaming_rows", "rows": 1_000_000, "failAfterRows": 900_000}
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(client, query_of(failing), **CSV)


def test_csv_holds_the_rows_of_one_query(client: httpx2.Client) -> None:
    answer = ask(client, query_of(WALK, WALK), **CSV)
    assert answer.status_code == 400
    assert "CSV holds one query's rows: send one query" in answer.text


def test_progress_comes_between_the_lines_of_rows_if_asked_for(client: httpx2.Client) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 200_000})
    told = [json.loads(line) for line in ask(client, body, **LINES, **PROGRESS).text.splitlines()]
    progress = [each["progress"] for each in told if "progress" in each]
    assert progress
    assert all(set(each) == {"rows", "bytes", "totalRows"} for each in progress)
    lines = [line for line in told if "progress" not in line]
    assert sum(len(line["frame"]["data"]["values"][0]) for line in lines) == 200_000


def test_lines_without_a_wish_for_progress_have_none(client: httpx2.Client) -> None:
    body = query_of({"scenario": "streaming_rows", "rows": 200_000})
    assert '"progress"' not in ask(client, body, **LINES).text


def test_more_queries_than_allowed_are_refused(make_host: Any) -> None:
    with make_host(options={"max_queries": 2}).client() as client:
        answer = ask(client, query_of(WALK, WALK, WALK))
    assert answer.status_code == 400
    assert "at most 2 queries" in answer.json()["message"]


def test_lines_arrive_while_a_slow_source_is_still_at_work(client: httpx2.Client) -> None:
    """Small pieces are not kept back until they make a large one."""
    body = query_of({"scenario": "streaming_rows", "rows": 40, "batchRows": 10, "delayMs": 300})
    with client.stream("POST", "/api/ds/query", json=body, headers=LINES) as answer:
        moments = [time.monotonic() for _ in answer.iter_lines()]
    pauses = [after - before for before, after in itertools.pairwise(moments)]
    assert len(pauses) == 3
    assert min(pauses) > 0.1


def test_a_result_is_forgotten_once_it_is_sent(client: httpx2.Client) -> None:
    """Neither an idle worker thread nor a finished request keeps it."""
    ask(client, query_of(WALK))
    before = pa.total_allocated_bytes()
    for accept in ({}, LINES, ARROW):
        ask(client, query_of({"scenario": "streaming_rows", "rows": 100_000}), **accept)
    assert eventually(lambda: pa.total_allocated_bytes() <= before + 100_000)
