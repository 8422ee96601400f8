"""What HashiCorp's go-plugin gets from a first-party plugin is what Headwater gets in its own process."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa
from prometheus_client.parser import text_string_to_metric_families

from headwater.frames import Frame, decode_chunks, decode_grafana_file, encode_chunks, encode_grafana_file
from headwater.models import QueryChunk
from servers.go_programs import from_base64

from .sources import ARROW, JSON, Sides, in_json, line_of, of_json


def test_the_plugin_is_well(sides: Sides) -> None:
    assert not sides.go.ping().code
    answer = sides.call("Diagnostics.CheckHealth").message
    expected = sides.headwater.check_health("source")
    assert (answer["status"], answer["message"]) == (expected.status, expected.message)
    assert json.loads(from_base64(answer["jsonDetails"])) == dict(expected.details)


def test_frames_in_json_are_those_of_this_process(sides: Sides) -> None:
    for query in sides.source.answered:
        response = sides.query_data(query, format=JSON).message["responses"]["A"]
        assert (response["status"], response["error"], response["format"]) == (200, "", JSON)
        assert of_json(response["frames"]) == in_json(sides.expected(query).frames)


def test_frames_in_arrow_are_those_of_this_process(sides: Sides) -> None:
    for query in sides.source.answered:
        response = sides.query_data(query, format=ARROW).message["responses"]["A"]
        expected = [decode_grafana_file(encode_grafana_file(frame)) for frame in sides.expected(query).frames]
        assert response["format"] == ARROW
        assert [decode_grafana_file(from_base64(frame)) for frame in response["frames"]] == expected


def test_a_query_that_fails_has_the_error_of_this_process_and_its_neighbours_answer(sides: Sides) -> None:
    good, *_ = sides.source.answered
    for query in sides.source.refused:
        responses = sides.query_data(query, good).message["responses"]
        expected = sides.expected(query)
        assert expected.error is not None
        assert responses["A"]["error"] == str(expected.error)
        assert responses["A"]["status"] == expected.status
        assert responses["A"]["errorSource"] == (
            "plugin" if expected.error_source == "plugin" else "downstream"
        )
        assert responses["B"]["status"] == 200


def test_chunks_hold_the_rows_of_this_process(sides: Sides) -> None:
    for query in sides.source.answered:
        answer = sides.query_chunked_data(query)
        assert not answer.code, answer.error
        received = list(decode_chunks(map(line_of, answer.messages)))
        expected = list(decode_chunks(encode_chunks(sides.expected_chunks(query))))
        assert rows_of(received) == rows_of(expected)


def test_a_resource_answers_as_in_this_process(sides: Sides) -> None:
    first, *rest = sides.call(
        "Resource.CallResource", path=sides.source.resource, method="GET", url=sides.source.resource
    ).messages
    expected = sides.headwater.call_resource("source", sides.source.resource)
    assert first["code"] == expected.status == 200
    body = b"".join(from_base64(part["body"] or "") for part in (first, *rest))
    assert json.loads(body) == json.loads(expected.body)


def test_a_resource_that_is_not_there_is_not_implemented(sides: Sides) -> None:
    answer = sides.call("Resource.CallResource", path="nowhere/at/all", method="GET", url="nowhere/at/all")
    assert (answer.code, answer.messages) == ("Unimplemented", ())  # Grafana makes 404 of it


def test_metrics_are_those_of_prometheus_clients(sides: Sides) -> None:
    answer = sides.call("Diagnostics.CollectMetrics").message
    families = list(text_string_to_metric_families(from_base64(answer["metrics"]["prometheus"]).decode()))
    assert "process_resident_memory_bytes" in {family.name for family in families}


def test_no_secret_is_logged(sides: Sides) -> None:
    log = json.dumps(sides.go.log_lines(), ensure_ascii=False)
    assert not [key for key, secret in sides.source.secrets.items() if secret in log]


def rows_of(chunks: Iterable[QueryChunk]) -> dict[tuple[str, str], Frame]:
    """The rows of each frame, whatever pieces they came in."""
    pieces: dict[tuple[str, str], list[Frame]] = defaultdict(list)
    for chunk in chunks:
        assert chunk.error is None
        if chunk.frame is not None:
            pieces[chunk.ref_id, chunk.frame_id].append(chunk.frame)
    return {
        key: frames[0].with_(table=pa.concat_tables([frame.table for frame in frames]))
        for key, frames in pieces.items()
    }
