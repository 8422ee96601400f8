"""Names of series in PromQL's notation, and legends by Grafana's rules."""

from __future__ import annotations

import promql_parser
import pytest
from hypothesis import given, strategies as st

from headwater_prometheus.naming import legend, series_text


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ({}, "{}"),
        ({"__name__": "up"}, "up"),
        ({"__name__": "up", "job": "api", "a": 'x"y\\z\n'}, r'up{a="x\"y\\z\n", job="api"}'),
        ({"job": "api"}, '{job="api"}'),
        ({"__name__": "my.metric", "http.status": "200"}, '{"my.metric", "http.status"="200"}'),
    ],
)
def test_a_series_is_named_by_its_selector(metric: dict[str, str], text: str) -> None:
    assert series_text(metric) == text


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,5}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"])),
        min_size=1,
    )
)
def test_a_real_parser_reads_the_name_back(labels: dict[str, str]) -> None:
    if not any(labels.values()):
        return  # a selector must have a matcher that does not match the empty text
    parsed = promql_parser.parse(series_text(labels))
    assert isinstance(parsed, promql_parser.VectorSelector)
    assert {matcher.name: matcher.value for matcher in parsed.matchers.matchers} == labels


@pytest.mark.parametrize(
    ("metric", "legend_format", "expected"),
    [
        ({"__name__": "up", "job": "api"}, "", 'up{job="api"}'),
        ({"job": "api", "zone": "eu"}, "{{job}} in {{ zone }}", "api in eu"),
        ({"job": "api"}, "{{job}}/{{missing}}", "api/"),
        ({"job": "api"}, "__auto", ""),
        ({}, "__auto", "sum(up)"),
        ({}, "", "sum(up)"),
        ({}, "total", "total"),
        ({"http.status": "200"}, "{{http.status}}", "200"),
    ],
)
def test_legends(metric: dict[str, str], legend_format: str, expected: str) -> None:
    assert legend(metric, legend_format, "sum(up)") == expected
