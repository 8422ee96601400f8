"""Values in an expression: literals wherever they stand, and PromQL nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryError
from headwater_prometheus.parameters import bind
from headwater_prometheus.promql import selectors
from servers.prometheus_samples import HOUR, Source


@pytest.mark.parametrize(
    ("expr", "value", "bound"),
    [
        ("up{job=${x}}", "api", 'up{job="api"}'),
        ("up{job = ${x}}", 'a"} or vector(1) #', 'up{job = "a\\"} or vector(1) #"}'),
        ("up{job!=${x}}", "a\nb\\", 'up{job!="a\\nb\\\\"}'),
        ("up{job=~${x}}", "a.b|c", 'up{job=~"a\\\\.b\\\\|c"}'),
        ("up{job=~${x}}", ["a", "b.*"], 'up{job=~"a|b\\\\.\\\\*"}'),
        ("up{job!~${x}}", [], 'up{job!~"[^\\\\x00-\\\\x{10FFFF}]"}'),
        ("up{job=~${x}}", [""], 'up{job=~""}'),
        ("up{code=${x}}", 200, 'up{code="200"}'),
        ("up{ok=${x}}", True, 'up{ok="true"}'),
        ("rate(up[${x}])", 300, "rate(up[5m0s])"),
        ("rate(up[${x}])", 1.5, "rate(up[1500ms])"),
        ("rate(up[1h:${x}])", 60, "rate(up[1h:1m0s])"),
        ("up offset ${x}", 60, "up offset 1m0s"),
        ("up @ ${x}", datetime(2026, 1, 31, tzinfo=UTC), "up @ 1769817600.000"),
        ("topk(${x}, up)", 5, "topk(5, up)"),
        ("up == ${x}", -1.5, "up == (-1.5)"),
        ('label_replace(up, "a", ${x}, "b", "c")', "'\"", 'label_replace(up, "a", "\'\\"", "b", "c")'),
        ('up{a="x{[", job=${x}} # ${y}', "[", 'up{a="x{[", job="["} # ${y}'),
        ("up{job=${x}} or ${x}", "$__interval ${x}", 'up{job="$__interval ${x}"} or "$__interval ${x}"'),
    ],
)
def test_a_value_is_written_as_its_place_needs(expr: str, value: Any, bound: str) -> None:
    assert bind(expr, {"x": value}) == bound


@pytest.mark.parametrize(
    ("expr", "params", "message"),
    [
        ("up{job=${y}}", {"x": "a"}, r"The placeholder \$\{y\} has no value in params"),
        ("up", {"x": "a"}, r"The expression has no placeholder \$\{x\}"),
        ('up{job="${x}"}', {"x": "a"}, r"Take the quotes off \$\{x\}"),
        ('up{job="${x}', {"x": "a"}, "The string at character 8 of the expression is never closed"),
        ("up{job=${x}}", {"x": ["a"]}, "can only follow =~ or !~"),
        ("up{job=${x}}", {"x": None}, "is no value of a label"),
        ("rate(up[${x}])", {"x": "5m"}, "give a number of seconds"),
        ("rate(up[${x}])", {"x": -5}, "give a number of seconds"),
        ("rate(up[${x}])", {"x": float("inf")}, "give a number of seconds"),
        ("up > ${x}", {"x": True}, "is a bool, which PromQL has not"),
    ],
)
def test_a_value_without_a_meaning_there_is_refused(expr: str, params: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(expr, params)


def test_without_params_an_expression_stays_as_it_is() -> None:
    assert bind('up{job="${x}"}', {}) == 'up{job="${x}"}'


@given(text=st.text() | st.text(alphabet="\"'`\\{}[]()#$,=~!|\n"))
def test_no_text_changes_what_an_expression_selects(text: str) -> None:
    bound = bind("a{x=${v}} + b{y=~${v}} + label_join(c, ${v}, ${v})", {"v": text})
    assert [each.partition("{")[0] for each in selectors(bound)] == ["a", "b", "c"]


def test_the_empty_text_is_no_label(source: Source) -> None:
    def found(matcher: str, value: str) -> int:
        query = {"expr": f"count(requests{{{matcher}${{v}}}})", "params": {"v": value}, "instant": True}
        (frame,) = source.frames(query, time_range=HOUR)
        counts = frame.table["Value"].to_pylist() if frame.num_rows else [0]
        return int(counts[0])

    assert (found("zone=", ""), found("zone!=", ""), found("missing=", "")) == (0, 3, 3)
    assert (found("zone=~", ""), found("missing=~", "")) == (0, 3)
