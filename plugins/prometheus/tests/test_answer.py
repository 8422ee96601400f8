"""Answers are read in pieces, and what is no answer is refused with the reason."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

import headwater_prometheus.answer
import headwater_prometheus.samples
from headwater.errors import DownstreamProtocolError, LimitExceededError
from headwater_prometheus.answer import AnswerReader
from headwater_prometheus.api import read_document
from headwater_prometheus.document import ServerReportError, decode_answer
from headwater_prometheus.series import Histogram, RowLimit, SeriesBlock, collect

LABELS = st.dictionaries(st.text(), st.text(), max_size=4)
SAMPLES = st.lists(st.tuples(st.integers(0, 10**10), st.floats(allow_nan=False)), max_size=5)
SERIES = st.lists(st.tuples(LABELS, SAMPLES), max_size=12)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


def document(series: list[Any], separators: tuple[str, str] = (",", ":"), **extra: Any) -> bytes:
    data = {"resultType": "matrix", "result": series}
    return json.dumps({"status": "success", "data": data, **extra}, separators=separators).encode()


def matrix(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> list[dict[str, Any]]:
    return [
        {
            "metric": labels,
            "values": [[time, "+Inf" if value == math.inf else repr(value)] for time, value in pairs],
        }
        for labels, pairs in series
    ]


def read(body: bytes, *, chunk: int = 7, piece: int = 64) -> tuple[SeriesBlock, AnswerReader, int]:
    chunks = (body[start : start + chunk] for start in range(0, len(body), chunk))
    reader = AnswerReader(chunks, piece_bytes=piece)
    blocks = list(reader.blocks())
    return collect(blocks), reader, len(blocks)


@given(series=SERIES, separators=SEPARATORS, chunk=st.integers(1, 200), piece=st.integers(1, 300))
def test_pieces_of_any_size_give_what_the_whole_document_says(
    series: list[Any], separators: tuple[str, str], chunk: int, piece: int
) -> None:
    body = document(matrix(series), separators, warnings=['},{"metric":{"a'], infos=["i"])
    block, reader, _ = read(body, chunk=chunk, piece=piece)
    assert block.metrics == [labels for labels, _ in series]
    assert block.counts == [len(pairs) for _, pairs in series]
    assert block.times.tolist() == [time * 1000 for _, pairs in series for time, _ in pairs]
    assert block.values.tolist() == [value for _, pairs in series for _, value in pairs]
    assert reader.tail.warnings == ('},{"metric":{"a',)
    assert reader.tail.infos == ("i",)
    assert reader.tail.result_type == "matrix"


def test_a_large_answer_is_decoded_before_its_end_is_there() -> None:
    body = document(matrix([({"n": str(n)}, [(1, 1.0)]) for n in range(100)]))
    _, _, blocks = read(body)
    assert blocks > 10


def test_a_label_that_looks_like_the_border_of_two_series_is_only_a_label() -> None:
    labels = {"a": '"},{"metric":{"__name__":"fake"},"values":[[1,"1"]]},{"metric":{'}
    block, _, _ = read(document(matrix([(labels, [(1, 2.0)]), ({}, [(3, 4.0)])])), piece=1)
    assert block.metrics == [labels, {}]


def test_the_result_type_may_come_last_or_not_at_all() -> None:
    for tail in (b',"resultType":"vector"', b""):
        body = b'{"data":{"result":[{"metric":{"a":"b"},"value":[1.5,"2"]}]%b},"status":"success"}' % tail
        block, reader, _ = read(body)
        assert block.is_vector
        assert reader.tail.result_type == "vector"
        assert block.times.tolist() == [1500]


def test_unknown_keys_are_accepted_everywhere() -> None:
    body = document(
        [{"metric": {}, "values": [[1, "2"]], "new": {"x": [1]}}], stats={"seriesFetched": "1"}, new=1
    )
    block, reader, _ = read(body)
    assert block.values.tolist() == [2.0]
    assert reader.tail.stats == {"seriesFetched": "1"}


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_a_result_of_null_is_empty(kind: str) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": kind, "result": None}}).encode()
    block, tail = decode_answer(body)
    assert (block.num_rows, tail.result_type) == (0, kind)


@pytest.mark.parametrize("time", ["1e400", "9999999999999999"])
def test_an_impossible_time_of_a_scalar_or_histogram_is_refused(time: str) -> None:
    histogram = '{"count":"1","sum":"1","buckets":[]}'
    series = f'[{{"metric":{{}},"histograms":[[{time},{histogram}]]}}]'
    for kind, result in (("scalar", f'[{time},"1"]'), ("matrix", series)):
        body = f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}'
        with pytest.raises(DownstreamProtocolError):
            decode_answer(body.encode())


def test_a_partial_answer_says_so() -> None:
    _, reader, _ = read(document([], isPartial=True))
    assert "partial" in reader.tail.warnings[0]


def test_samples_and_histograms_of_one_series_are_both_kept() -> None:
    histogram = {"count": "6", "sum": "4.5", "buckets": [[0, "0.5", "1", "6"]]}
    series = {"metric": {"a": "b"}, "values": [[1, "2"]], "histograms": [[3.5, histogram]]}
    block, _, _ = read(document([{"metric": {}, "values": []}, series]))
    assert block.counts == [0, 1]
    (sample,) = block.histograms
    assert (sample.index, sample.time) == (1, 3500)
    assert sample.histogram == Histogram("6", "4.5", [(0, "0.5", "1", "6")])


@pytest.mark.parametrize(
    ("kind", "text", "expected"), [("scalar", "NaN", "NaN"), ("string", 'a "text"', 'a "text"')]
)
def test_scalars_and_strings_are_single_values(kind: str, text: str, expected: str) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": kind, "result": [1.25, text]}}).encode()
    block, tail = decode_answer(body)
    assert block.metrics == []
    assert tail.scalar == (1250, expected)


def test_an_error_document_is_reported_with_its_type() -> None:
    body = b'{"status":"error","errorType":"bad_data","error":"1:5: parse error"}'
    with pytest.raises(ServerReportError) as failed:
        read(body)
    assert (failed.value.error_type, failed.value.error) == ("bad_data", "1:5: parse error")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"upstream connect error", "not JSON"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":', "not complete"),
        (b"{}", 'no "status"'),
        (b'{"status":"success"}', 'no "status"'),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":[]}]}}', "malformed series"),
        (
            b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":5}]}}',
            "sample",
        ),
        (b'{"status":"success","data":{"resultType":"scalar","result":[1]}}', "malformed scalar"),
        (
            b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"\xff"}}]}}',
            "malformed",
        ),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(DownstreamProtocolError, match=reason):
        read(body)


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    with pytest.raises((DownstreamProtocolError, ServerReportError)):
        decode_answer(noise)


@given(st.integers(0, 400))
def test_a_truncated_answer_is_never_taken_for_a_whole_one(length: int) -> None:
    body = document(matrix([({"n": str(n)}, [(1, 1.0)]) for n in range(20)]))
    with pytest.raises(DownstreamProtocolError):
        read(body[: min(length, len(body) - 1)], piece=50)


def test_samples_beyond_the_row_limit_are_not_even_read() -> None:
    body = document(matrix([({"n": str(n)}, [(1, 1.0)] * 10) for n in range(100)]))
    arrived = []

    def chunks() -> Any:
        for start in range(0, len(body), 500):
            arrived.append(start)
            yield body[start : start + 500]

    limit = RowLimit(55)
    block = collect(limit.apply(AnswerReader(chunks(), piece_bytes=400).blocks()))
    assert limit.reached
    assert block.counts == [10, 10, 10, 10, 10, 5]
    assert len(block.times) == 55
    assert len(arrived) < len(body) // 500


@pytest.mark.parametrize(("rows", "reached"), [(20, False), (19, True), (0, True), (None, False)])
def test_exactly_the_row_limit_is_not_beyond_it(rows: int | None, reached: bool) -> None:
    block, _ = decode_answer(document(matrix([({}, [(1, 1.0)] * 10), ({"a": "b"}, [(1, 1.0)] * 10)])))
    limit = RowLimit(rows)
    kept = collect(limit.apply([block]))
    assert limit.reached is reached
    assert kept.num_rows == (20 if rows is None else rows)


def test_the_row_limit_counts_histograms() -> None:
    histogram = {"count": "6", "sum": "4.5"}
    both = {"metric": {}, "values": [[1, "2"]], "histograms": [[3, histogram], [4, histogram]]}
    block, _ = decode_answer(document([both, both]))
    head = block.head(3)
    assert (head.counts, len(head.histograms), head.num_rows) == ([1, 1], 1, 3)


def test_an_answer_that_cannot_be_cut_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headwater_prometheus.answer, "MAX_WHOLE_BYTES", 5000)
    body = document(matrix([({"n": "1"}, [(1, 1.0)] * 1000)]), (", ", ": "))
    with pytest.raises(LimitExceededError, match="5000 bytes"):
        list(AnswerReader([body], piece_bytes=100).blocks())


def test_the_samples_of_one_series_may_take_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headwater_prometheus.answer, "MAX_WHOLE_BYTES", 5000)
    monkeypatch.setattr(headwater_prometheus.answer, "MAX_SERIES_BYTES", 50_000)
    monkeypatch.setattr(headwater_prometheus.samples, "_PART_BYTES", 1000)
    samples = [(number, float(number)) for number in range(2000)]
    block, _, _ = read(document(matrix([({"n": "1"}, samples)])), chunk=300)
    assert (block.counts, block.times[-1], block.values.tolist()) == (
        [2000], 1_999_000, [value for _, value in samples],
    )  # fmt: skip
    with pytest.raises(LimitExceededError, match="50000 bytes"):
        read(document(matrix([({"n": "1"}, samples * 2)])), chunk=300)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":' * 100_000,
        b'{"status":"success","data":{"resultType":"matrix","result":' + b"[" * 100_000,
        b'{"status":"success","data":{"resultType":"matrix","result":[],"stats":%b1%b}}'
        % (b"[" * 100_000, b"]" * 100_000),
    ],
)
def test_nesting_that_is_too_deep_is_the_servers_fault(text: bytes) -> None:
    with pytest.raises(DownstreamProtocolError):
        list(AnswerReader([text]).blocks())
    with pytest.raises(DownstreamProtocolError):
        read_document(text, list[str])


def test_warnings_infos_and_statistics_are_bounded() -> None:
    many: dict[str, Any] = {"warnings": ["w " * 2000] * 3, "infos": [str(number) for number in range(1000)]}
    _, tail = decode_answer(document([], **many))
    assert [len(text) <= 1024 and text.endswith("w…") for text in tail.warnings] == [True] * 3
    assert (len(tail.infos), tail.infos[0], tail.infos[-1]) == (101, "0", "and 900 more infos")
    _, tail = decode_answer(document([], warnings=["w" * 1_000_000], stats={"s": "x" * 1_000_000}))
    assert tail.stats is None
    assert [text.split(" are left out")[0] for text in tail.warnings] == [
        "The server's warnings", "The server's statistics",
    ]  # fmt: skip
