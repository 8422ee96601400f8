"""A value never becomes syntax: not of a path, not of a query string, not of a body."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import pytest
from hypothesis import given, strategies as st

from headwater.errors import MacroError, QueryError
from headwater.models import DataQuery, TimeRange
from headwater.sdk import parse
from headwater_rest.query import RestQuery
from headwater_rest.requests import PageRequest, first_request, parameters_of
from headwater_rest.settings import Endpoint
from headwater_rest.templates import Scope

FROM, TO = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC), dt.datetime(2026, 3, 1, 7, 0, 0, 5000, dt.UTC)
ASKED = DataQuery(time_range=TimeRange(FROM, TO), interval_ms=15_000)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
SEGMENTS = TEXTS.filter(
    lambda text: (
        text not in {"", ".", ".."}
        and not any(c in "/\\\u2028\u2029" or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)
    )
)


def request(endpoint: dict[str, Any], **params: Any) -> PageRequest:
    query = RestQuery(params=params, data_query=ASKED)
    return first_request(parse(Endpoint, endpoint), query, "/v1")


@given(SEGMENTS)
def test_a_value_in_the_path_is_one_segment(value: str) -> None:
    link = request({"path": "customers/{customer}/orders"}, customer=value).link
    _, version, collection, segment, last = link.split("/")
    assert (version, collection, unquote(segment), last) == ("v1", "customers", value, "orders")
    assert not set(segment) & set("?#;&=% ") - {"%"}


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0", "\u2028"])
def test_what_is_no_segment_is_refused(value: str) -> None:
    with pytest.raises(QueryError, match=r"\{customer\} in the path"):
        request({"path": "customers/{customer}"}, customer=value)


@given(TEXTS, TEXTS)
def test_a_value_in_the_query_is_one_parameter(first: str, second: str) -> None:
    endpoint = {"path": "x", "params": {"q": "name:{first}!", "second": "{second}", "fixed": "1"}}
    params = request(endpoint, first=first, second=second).params
    assert parse_qs(urlencode(params), keep_blank_values=True) == {
        "q": [f"name:{first}!"],
        "second": [second],
        "fixed": ["1"],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(JSON)
def test_a_value_in_the_body_is_itself(value: Any) -> None:
    body = request(
        {"path": "x", "method": "POST", "json": {"a": ["{value}"], "b": "x{value}"}}, value=value
    ).body
    assert body == {"a": [value], "b": "x{value}"}


def test_a_list_repeats_a_parameter_and_null_leaves_it_out() -> None:
    endpoint = {
        "path": "x",
        "params": {"id": "{ids}", "state": "{state}", "on": "{flag}"},
        "defaults": {"state": None},
    }
    assert request(endpoint, ids=[1, 2], flag=True).params == (("id", "1"), ("id", "2"), ("on", "true"))


def test_times_are_written_as_iso_8601() -> None:
    endpoint = {"path": "x", "method": "POST", "params": {"t": "{t}", "d": "{d}"}, "json": {"t": "{t}"}}
    made = request(endpoint, t=FROM, d=dt.date(2026, 3, 1))
    assert made.params == (("t", "2026-03-01T06:00:00Z"), ("d", "2026-03-01"))
    assert made.content == b'{"t":"2026-03-01T06:00:00Z"}'


def test_a_list_is_no_part_of_a_text() -> None:
    with pytest.raises(QueryError, match="ids: expected text, a number, a time, or true or false"):
        request({"path": "x", "params": {"id": "in:{ids}"}}, ids=[1])


def test_parameters_are_all_given_and_all_known() -> None:
    endpoint = {"path": "{a}", "params": {"b": "{b}"}, "defaults": {"b": 1}}
    assert request(endpoint, a="x").params == (("b", "1"),)
    with pytest.raises(QueryError, match="needs the parameter 'a'"):
        request(endpoint)
    with pytest.raises(QueryError, match="no parameter 'c'; it has a, b"):
        request(endpoint, a=1, c=1)


def test_the_names_of_parameters_are_found_where_they_stand() -> None:
    endpoint = {
        "path": "{a}/x",
        "method": "POST",
        "params": {"q": "{b} {a} ${__from:date}"},
        "json": {"query": "{ orders {id} }", "variables": {"first": "{c}"}},
    }
    assert parameters_of(parse(Endpoint, endpoint)) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$__from", "1772344800000"),
        ("${__to}", "1772348400005"),
        ("${__from:date}", "2026-03-01T06:00:00.000Z"),
        ("${__to:date:iso}", "2026-03-01T07:00:00.005Z"),
        ("${__to:date:seconds}", "1772348400"),
        ("${__from:date:YYYY-MM-DD[T]HH:mm:ss}", "2026-03-01T06:00:00"),
        ("${__from:date:D.M.YY}", "1.3.26"),
        ("$__interval", "15s"),
        ("$__interval_ms", "15000"),
        ("$__range/$__range_s/$__range_ms", "3600s/3600/3600005"),
        ("from:$__from to:$__to", "from:1772344800000 to:1772348400005"),
        ("$__fromage $ $HOME $$ {1} {}", "$__fromage $ $HOME $$ {1} {}"),
    ],
)
def test_macros_are_grafanas(template: str, text: str) -> None:
    assert Scope(ASKED, {}).text(template) == text


@pytest.mark.parametrize("template", ["${__from:time}", "${__from:date:QQ}", "${__user}"])
def test_other_macros_are_refused(template: str) -> None:
    with pytest.raises(MacroError, match=r"There is no|is none of"):
        Scope(ASKED, {}).text(template)


def test_parameters_may_be_written_as_variables() -> None:
    assert request({"path": "x", "params": {"q": "${value}"}}, value=3).params == (("q", "3"),)


def test_a_macro_in_a_value_stays() -> None:
    assert request({"path": "x", "params": {"q": "{value}"}}, value="$__from {b}").params == (
        ("q", "$__from {b}"),
    )


def test_a_path_keeps_its_last_slash() -> None:
    assert request({"path": "/orders/"}).link == "/v1/orders/"
    assert request({"path": ""}).link == "/v1"
