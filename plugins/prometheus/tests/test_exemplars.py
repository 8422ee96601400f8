"""Exemplars: decoding and sampling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from headwater.errors import DownstreamProtocolError, HeadwaterError
from headwater_prometheus.exemplars import Exemplar, exemplar_frame, read_exemplars, sample


def document(*exemplars: dict[str, object]) -> bytes:
    series = {"seriesLabels": {"__name__": "m", "job": "a"}, "exemplars": list(exemplars)}
    return json.dumps({"status": "success", "data": [series]}).encode()


def test_labels_of_exemplar_and_series_are_columns() -> None:
    body = document(
        {"labels": {"trace_id": "t2"}, "value": "2", "timestamp": 1.5},
        {"labels": {"job": "own"}, "value": "NaN", "timestamp": 0.25},
    )
    frame = exemplar_frame(read_exemplars(body))
    assert frame.name == "exemplar"
    assert frame.table.column_names == ["Time", "Value", "__name__", "job", "trace_id"]
    assert frame.table["job"].to_pylist() == ["own", "a"]
    assert frame.table["trace_id"].to_pylist() == [None, "t2"]
    assert frame.meta is not None
    assert frame.meta.custom == {"resultType": "exemplar"}


def test_exemplars_without_labels_are_rows() -> None:
    data = [{"exemplars": [{"value": "2", "timestamp": 1.5}, {"labels": None, "value": "3", "timestamp": 2}]}]
    frame = exemplar_frame(read_exemplars(json.dumps({"status": "success", "data": data}).encode()))
    assert frame.table["Value"].to_pylist() == [2.0, 3.0]


def test_labels_called_like_our_columns_are_renamed_to_what_is_free() -> None:
    frame = exemplar_frame([Exemplar(1, 2.0, {"Value": "a", "label_Value": "b"})])
    assert frame.table.column_names == ["Time", "Value", "label_Value_2", "label_Value"]
    assert [column[0].as_py() for column in frame.table.columns[2:]] == ["a", "b"]


def test_no_exemplars_are_an_empty_frame() -> None:
    assert exemplar_frame(read_exemplars(b'{"status":"success","data":null}')).num_rows == 0


def test_of_each_step_the_largest_is_kept_and_what_is_far_below() -> None:
    values = [(0, 1.0), (1, 1.1), (2, 1.2), (3, 100.0), (1000, 1.0), (1001, 1.5)]
    kept = sample([Exemplar(time, value, {}) for time, value in values], 1000)
    assert [(one.time, one.value) for one in kept] == [(2, 1.2), (3, 100.0), (1001, 1.5)]


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(-1e6, 1e6))))
def test_sampling_keeps_the_largest_of_all_and_invents_nothing(pairs: list[tuple[int, float]]) -> None:
    exemplars = [Exemplar(time, value, {}) for time, value in pairs]
    kept = sample(exemplars, 1000)
    assert all(one in exemplars for one in kept)
    if exemplars:
        assert max(one.value for one in kept) == max(one.value for one in exemplars)
        assert {one.time // 1000 for one in kept} == {one.time // 1000 for one in exemplars}


def test_an_error_document_is_the_servers_error() -> None:
    with pytest.raises(HeadwaterError, match="bad_data: no"):
        read_exemplars(b'{"status":"error","errorType":"bad_data","error":"no"}')


@pytest.mark.parametrize("body", [b"<html>", b'{"status":"success","data":[{"x":1}]}', b"[]"])
def test_what_is_no_document_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(DownstreamProtocolError):
        read_exemplars(body)
