"""Answers of a Prometheus, and expressions."""

from __future__ import annotations

from contextlib import suppress

import promql_parser

from fuzz.target import target
from headwater.errors import (
    DownstreamProtocolError,
    DownstreamServerError,
    LimitExceededError,
    QueryError,
    ValidationError,
)
from headwater_prometheus.answer import AnswerReader
from headwater_prometheus.document import ServerReportError
from headwater_prometheus.exemplars import exemplar_frame, read_exemplars, sample
from headwater_prometheus.layouts import Display, multi_frames
from headwater_prometheus.long import long_frame
from headwater_prometheus.parameters import bind
from headwater_prometheus.promql import add_grouping, add_matchers, is_of_its_moment, selectors
from headwater_prometheus.series import collect
from headwater_prometheus.wide import wide_frame

ANSWER = (
    '{"status":"success","data":{"resultType":"matrix","result":[{"metric":', ',{"metric":', '"values":[',
    '"value":[', '"histograms":', '"histogram":', '"count":"1"', '"sum":"1"', '"buckets":[[0,"-1","1","2"]]',
    '"errorType":', '"error":', '"warnings":["w"]', '"infos":[]', '"stats":{}', '"isPartial":true', "]}}",
    '"vector"', '"scalar"', '"string"', '"NaN"', '"+Inf"', "1e400", "1700000000.123", "9999999999999999",
    "[[1,2]]", "\\ud800", "null",
)  # fmt: skip
PROMQL = (
    "sum by (a) (", "rate(", "[5m]", "[5m:1m]", " offset -1h", " @ end()", "{a=~\"b\"}", "{", "}", "(", ")",
    " or ", " and ", " unless on (a) ", " group_left (b) ", "histogram_quantile(", "'", '"', "`", "\\", "#",
    "\n", "$__rate_interval", "up", "1e5",
)  # fmt: skip
REFUSED = (DownstreamProtocolError, LimitExceededError, ServerReportError)


@target(*REFUSED, tokens=ANSWER, max_bytes=16_384)
def answer(data: bytes) -> None:
    """In pieces it says what it says as a whole, and every layout has room for it."""
    chunk, body = 1 + (data[0] if data else 0), data[1:]
    block = collect(AnswerReader(iter([body])).blocks())
    pieces = (body[start : start + chunk] for start in range(0, len(body), chunk))
    again = collect(AnswerReader(pieces, piece_bytes=64).blocks())
    assert (block.metrics, block.counts) == (again.metrics, again.counts), "pieces say something else"
    assert block.times.tobytes() == again.times.tobytes(), "times differ"
    assert block.values.tobytes() == again.values.tobytes(), "values differ"
    display = Display("up")
    for frame in (long_frame(block, display), *multi_frames(block, display)):
        frame.table.validate(full=True)
    if block.num_rows * len(block.metrics) < 10_000:
        wide_frame(block, display).table.validate(full=True)


@target(
    *REFUSED,
    DownstreamServerError,
    tokens=(
        '{"status":"success","data":[',
        '"seriesLabels":',
        '"exemplars":',
        '"labels":',
        '"value":',
        '"timestamp":',
    ),
)
def exemplars(data: bytes) -> None:
    exemplar_frame(sample(read_exemplars(data), 1000)).table.validate(full=True)


@target(QueryError, tokens=PROMQL)
def promql(data: bytes) -> None:
    """A matcher gets into every selector: a real parser sees it there."""
    expr = data.decode("utf-8", "replace")
    with suppress(QueryError):
        selectors(expr)
        is_of_its_moment(expr)
        add_grouping(expr, ["env"])
    filtered = add_matchers(expr, ['env="prod"'])
    if _parses(expr):
        assert _parses(filtered), f"no longer valid: {filtered}"
        assert add_matchers(expr, []) == expr, "nothing to add, and the text changed"


@target(QueryError, ValidationError, tokens=(*PROMQL, "$a", "${a}", "$b", "${b:regex}"))
def parameters(data: bytes) -> None:
    bind(data.decode("utf-8", "replace"), {"a": 'x"}', "b": ["1", "`"]})


def _parses(expr: str) -> bool:
    try:
        promql_parser.parse(expr)
    except ValueError:
        return False
    return True
