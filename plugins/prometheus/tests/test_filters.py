"""Scope and ad hoc filters as matchers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from headwater.errors import ValidationError
from headwater_prometheus.filters import Filter, Scope, matchers, regex_quote


@pytest.mark.parametrize(
    ("operator", "text"),
    [
        ("equals", 'k="a.b"'),
        ("not-equals", 'k!="a.b"'),
        ("regex-match", 'k=~"a.b"'),
        ("regex-not-match", 'k!~"a.b"'),
        ("one-of", r'k=~"a\\.b"'),
        ("not-one-of", r'k!~"a\\.b"'),
        ("=", 'k="a.b"'),
        ("!~", 'k!~"a.b"'),
        ("=|", r'k=~"a\\.b"'),
    ],
)
def test_each_operator(operator: str, text: str) -> None:
    assert matchers([], [Filter("k", "a.b", operator=operator)]) == [text]


def test_one_of_several_values_matches_each_exactly() -> None:
    assert matchers([], [Filter("k", values=("a.b", "c|d"), operator="one-of")]) == [r'k=~"a\\.b|c\\|d"']


def test_a_single_value_may_stand_in_values() -> None:
    assert matchers([], [Filter("k", values=("a.b",))]) == ['k="a.b"']
    assert matchers([], [Filter("k", "a.b", values=("a.b",))]) == ['k="a.b"']
    assert matchers([Scope(filters=(Filter("k", values=("a",)), Filter("k", "b")))], []) == ['k=~"a|b"']


@pytest.mark.parametrize("values", [("a", "b"), ("other",)])
def test_several_values_need_an_operator_that_takes_them(values: tuple[str, ...]) -> None:
    value = "" if len(values) > 1 else "a"
    with pytest.raises(ValidationError, match="takes one value"):
        matchers([], [Filter("k", value, values=values)])


def test_scope_filters_of_one_key_are_alternatives() -> None:
    scopes = [
        Scope(filters=(Filter("k", "a.b"), Filter("k", "x.*", operator="regex-match"))),
        Scope(filters=(Filter("k", "a.b"), Filter("other", "1"))),
    ]
    assert matchers(scopes, []) == [r'k=~"a\\.b|x.*"', 'other="1"']


def test_scope_filters_that_refuse_all_hold() -> None:
    scopes = [
        Scope(filters=(Filter("k", "a", operator="not-equals"), Filter("k", "b", operator="not-equals")))
    ]
    assert matchers(scopes, []) == ['k!="a"', 'k!="b"']


def test_ad_hoc_filters_override_scopes_of_the_same_key() -> None:
    scopes = [Scope(filters=(Filter("k", "a"), Filter("other", "1")))]
    assert matchers(scopes, [Filter("k", "b")]) == ['other="1"', 'k="b"']


def test_keys_and_values_are_quoted() -> None:
    assert matchers([], [Filter("http.status", 'a"}\n')]) == [r'"http.status"="a\"}\n"']


def test_an_unknown_operator_and_a_missing_key_are_refused() -> None:
    with pytest.raises(ValidationError, match="operator"):
        matchers([], [Filter("k", "v", operator="like")])
    with pytest.raises(ValidationError, match="key"):
        matchers([], [Filter("", "v")])


@given(st.text(), st.text())
def test_a_quoted_value_matches_itself_only(text: str, other: str) -> None:
    pattern = re.compile(regex_quote(text))
    assert pattern.fullmatch(text)
    assert bool(pattern.fullmatch(other)) == (text == other)
