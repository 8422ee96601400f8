"""Matchers and groupings are added to the text of an expression; a real parser confirms the effect."""

from __future__ import annotations

import contextlib

import promql_parser
import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryError
from headwater_prometheus.promql import add_grouping, add_matchers, selectors

EXPRESSIONS = [
    ("up", 'up{env="prod"}'),
    ("up{}", 'up{env="prod"}'),
    ('up{job="a",}', 'up{job="a",env="prod"}'),
    ('{__name__=~"a.*"}', '{__name__=~"a.*", env="prod"}'),
    ('{"my.metric", "a.b"="c"}', '{"my.metric", "a.b"="c", env="prod"}'),
    ("rate(x[5m])", 'rate(x{env="prod"}[5m])'),
    ("rate(x[5m:1m] offset 1h)", 'rate(x{env="prod"}[5m:1m] offset 1h)'),
    ("x @ start() offset -5m", 'x{env="prod"} @ start() offset -5m'),
    (
        "sum by (x) (a) / on (job) group_left (z) b",
        'sum by (x) (a{env="prod"}) / on (job) group_left (z) b{env="prod"}',
    ),
    ("sum(up) by (job)", 'sum(up{env="prod"}) by (job)'),
    ("topk(3, up > bool 1)", 'topk(3, up{env="prod"} > bool 1)'),
    ("a and b unless c or d", 'a{env="prod"} and b{env="prod"} unless c{env="prod"} or d{env="prod"}'),
    ('label_replace(up, "a", "$1", "b", "(up)")', 'label_replace(up{env="prod"}, "a", "$1", "b", "(up)")'),
    ("-up ^ 2 + 0x1f + 1e5 + Inf + NaN", '-up{env="prod"} ^ 2 + 0x1f + 1e5 + Inf + NaN'),
    ("time() - vector(1)", "time() - vector(1)"),
    ("up # down {\n+ x", 'up{env="prod"} # down {\n+ x{env="prod"}'),
    ("a{b='it\\'s [}'}", "a{b='it\\'s [}', env=\"prod\"}"),
    ("a{b=`back\\`}", 'a{b=`back\\`, env="prod"}'),
    ("job:rate:sum", 'job:rate:sum{env="prod"}'),
    ('a{x="1" or y="2"}', 'a{x="1", env="prod" or y="2", env="prod"}'),
    ("keep_last_value(x) default 0", 'keep_last_value(x{env="prod"}) default 0'),
    (" and and s", ' and{env="prod"} and s{env="prod"}'),
    ("or or or or x", 'or{env="prod"} or or{env="prod"} or x{env="prod"}'),
    ("rate(x[5m] smoothed)", 'rate(x{env="prod"}[5m] smoothed)'),
]
UNKNOWN_TO_THE_PARSER = ("keep_last_value", "smoothed", "`back")


@pytest.mark.parametrize(("expr", "expected"), EXPRESSIONS)
def test_a_matcher_goes_into_every_selector_and_nothing_else_changes(expr: str, expected: str) -> None:
    assert add_matchers(expr, ['env="prod"']) == expected


@pytest.mark.parametrize(
    "expr", [expr for expr, _ in EXPRESSIONS if not any(w in expr for w in UNKNOWN_TO_THE_PARSER)]
)
def test_a_real_parser_finds_the_matcher_in_every_selector(expr: str) -> None:
    before, after = _all_selectors(expr), _all_selectors(add_matchers(expr, ['env="prod"']))
    assert len(before) == len(after)
    assert all('env="prod"' in text for text in after)


def test_without_matchers_the_expression_is_returned_as_it_is() -> None:
    assert add_matchers("not (even { promql", []) == "not (even { promql"


@pytest.mark.parametrize("metric", ["by", "on", "offset", "and", "sum", "start", "unless", "without"])
def test_a_metric_called_like_a_keyword_does_not_escape(metric: str) -> None:
    assert add_matchers(f"rate({metric}[5m])", ['env="prod"']) == f'rate({metric}{{env="prod"}}[5m])'


@pytest.mark.parametrize(
    ("expr", "place"),
    [
        ("sum by (up", "character 8"),
        ("up{a", "character 3"),
        ("up{a)", "character 5"),
        ("rate(up[5m)", "character 11"),
        ("a ; b", "character 3"),
    ],
)
def test_a_fault_is_reported_with_its_place(expr: str, place: str) -> None:
    with pytest.raises(QueryError, match=place):
        add_matchers(expr, ['a="b"'])


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum(x)", "sum by (zone) (x)"),
        ("sum by (job) (x)", "sum by (job, zone) (x)"),
        ("sum(x) by (job)", "sum(x) by (job, zone)"),
        ("sum by () (x)", "sum by (zone) (x)"),
        ("sum by (zone) (x)", "sum by (zone) (x)"),
        ("sum without (job) (x)", "sum without (job) (x)"),
        ("topk(3, avg by (job) (rate(x[5m])))", "topk by (zone) (3, avg by (job, zone) (rate(x[5m])))"),
        ("sum_over_time(x[5m])", "sum_over_time(x[5m])"),
        ("rate(sum[5m])", "rate(sum[5m])"),
    ],
)
def test_groupings_are_added_to_every_aggregation(expr: str, expected: str) -> None:
    written = add_grouping(expr, ["zone"])
    assert " ".join(written.split()) == expected
    promql_parser.parse(written)


def test_selectors_are_found_without_range_and_offset() -> None:
    found = selectors('sum by (a) (rate(x{b="c"}[5m] offset 1h)) + {d="e"} * y')
    assert found == ['x{b="c"}', '{d="e"}', "y"]


SELECTORS = st.sampled_from(["up", "a:b", 'x{job="api"}', '{__name__="n"}', "sum_total{}"])
PROMQL = st.recursive(
    SELECTORS | st.sampled_from(["1", "1.5e3", "time()"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "/", "> bool", "* on (job)", "^"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        )
        | inner.map(lambda text: f"-({text})")
        | inner.map(lambda text: f"abs(({text}) + up)")
    ),
    max_leaves=8,
)


@given(PROMQL)
def test_generated_expressions_are_narrowed_everywhere(expr: str) -> None:
    try:
        before = _all_selectors(expr)
    except ValueError:
        return  # scalars where vectors are needed
    after = _all_selectors(add_matchers(expr, ['env="prod"']))
    assert len(after) == len(before)
    assert all('env="prod"' in text for text in after)


@given(st.text())
def test_no_text_makes_the_rewriter_crash(text: str) -> None:
    for rewrite in (add_matchers, add_grouping):
        try:
            rewrite(text, ["a"])
        except QueryError:
            continue


@pytest.mark.parametrize("depth", [4_000, 20_000])
def test_deep_nesting_is_rewritten(depth: int) -> None:
    expr = "sum(" * depth + "up" + ")" * depth
    assert add_grouping(expr, ["a"]).count("by (a)") == depth
    assert add_matchers(expr, ['a="1"']).count('up{a="1"}') == 1


@pytest.mark.parametrize("piece", ["sum by (", "{", "'", "sum("])
def test_a_mebibyte_of_anything_is_rewritten_or_refused(piece: str) -> None:
    """Within the time that a test may take: what grows with the square of the length would need hours."""
    text = piece * (2**20 // len(piece))
    for rewrite in (add_grouping, add_matchers):
        with contextlib.suppress(QueryError):
            rewrite(text, ["a"])


def _all_selectors(expr: str) -> list[str]:
    found: list[str] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            groups = [node.matchers.matchers, *node.matchers.or_matchers]
            found.extend(" ".join(str(matcher) for matcher in group) for group in groups if group)
            if not any(groups):
                found.append("")
        elif isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found
