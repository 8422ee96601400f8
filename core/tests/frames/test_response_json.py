"""The answer of `/api/ds/query`: one outcome per ref id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.errors import (
    DownstreamConnectionError,
    DownstreamError,
    ErrorSource,
    PluginRequestFailedError,
    QueryError,
)
from headwater.frames import Frame, FrameDecodeError, decode_response, encode_response, iter_response
from headwater.models import DataResponse, QueryDataResponse


def encoded(**responses: DataResponse) -> str:
    return encode_response(QueryDataResponse(responses)).decode()


def test_ref_ids_are_sorted_and_each_has_status_and_frames() -> None:
    text = encoded(B=DataResponse(), A=DataResponse((Frame.from_pydict({"a": [1]}),)))
    assert text == (
        '{"results":{"A":{"status":200,"frames":[{"schema":{"fields":[{"name":"a","type":"number",'
        '"typeInfo":{"frame":"int64","nullable":true}}]},"data":{"values":[[1]]}}]},'
        '"B":{"status":200,"frames":[]}}}'
    )


def test_an_error_comes_first_with_source_and_status() -> None:
    text = encoded(A=DataResponse.from_error(DownstreamConnectionError("no route")))
    assert text == '{"results":{"A":{"error":"no route","errorSource":"downstream","status":502}}}'


def test_an_error_may_come_with_partial_frames() -> None:
    response = DataResponse.from_error(QueryError("cut"), [Frame.from_pydict({"a": [1]})])
    members = json.loads(encoded(A=response))["results"]["A"]
    assert list(members) == ["error", "errorSource", "status", "frames"]
    assert (members["errorSource"], members["status"]) == ("downstream", 400)


def test_an_error_without_a_failing_status_gets_its_own() -> None:
    response = DataResponse(error=QueryError("bad"))
    assert json.loads(encoded(A=response))["results"]["A"]["status"] == 400


def test_pieces_are_separated_by_commas() -> None:
    frames = tuple(Frame.from_pydict({"a": [number]}) for number in range(3))
    text = b"".join(iter_response(QueryDataResponse({"A": DataResponse(frames)})))
    assert [frame["data"]["values"] for frame in json.loads(text)["results"]["A"]["frames"]] == [
        [[0]],
        [[1]],
        [[2]],
    ]


def test_a_response_comes_back_as_it_was() -> None:
    frame = Frame.from_pydict({"a": [1]}, name="n", ref_id="A")
    error = DataResponse.from_error(PluginRequestFailedError("bug"))
    read = decode_response(encoded(A=DataResponse((frame,)), B=error)).responses
    assert read["A"].frames == (frame,)
    assert isinstance(read["B"].error, PluginRequestFailedError)
    assert (str(read["B"].error), read["B"].status, read["B"].error_source) == (
        "bug",
        500,
        ErrorSource.PLUGIN,
    )


def test_a_downstream_error_keeps_its_status() -> None:
    read = decode_response(b'{"results":{"A":{"error":"slow","errorSource":"downstream","status":504}}}')
    error = read.responses["A"].error
    assert isinstance(error, DownstreamError)
    assert (str(error), error.status) == ("slow", 504)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({"message": "Unauthorized"}, "message"),
        ({"results": {"A": {"series": []}}}, "results.A.series"),
        (
            {"results": {"A": {"frames": [{"schema": {"fields": [{}]}}]}}},
            "results.A.frames[0].schema.fields[0].type",
        ),
        ({"results": {"A": {"status": "x"}}}, "results.A.status"),
        ({"results": {"A": 5}}, "results.A"),
    ],
)
def test_a_fault_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(FrameDecodeError) as caught:
        decode_response(json.dumps(value))
    assert caught.value.path == path
