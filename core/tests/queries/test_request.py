from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryRequestError, ValidationError
from headwater.queries import DataSourceRef, MetricQuery, parse_metric_request

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
RANGE = {"from": "1700000000000", "to": "1700003600000"}


def query(**more: Any) -> dict[str, Any]:
    return {"refId": "A", "datasource": {"uid": "u", "type": "mysql"}, **more}


def parse(
    *queries: dict[str, Any], headers: dict[str, str] | None = None, **body: Any
) -> tuple[MetricQuery, ...]:
    return parse_metric_request({**RANGE, "queries": list(queries), **body}, headers=headers, now=NOW)


def only(*queries: dict[str, Any], **more: Any) -> MetricQuery:
    (parsed,) = parse(*queries, **more)
    return parsed


def test_a_whole_query_is_read() -> None:
    raw = query(refId="B", maxDataPoints=7, intervalMs=60_000, queryType="table", rawSql="SELECT 1")
    parsed = only(raw)
    assert parsed.data_source == DataSourceRef(uid="u", type="mysql")
    assert parsed.query.ref_id == "B"
    assert (parsed.query.max_data_points, parsed.query.interval_ms) == (7, 60_000)
    assert parsed.query.query_type == "table"
    assert parsed.query.json == raw
    assert (parsed.query.time_range.from_ms, parsed.query.time_range.to_ms) == (1700000000000, 1700003600000)


@pytest.mark.parametrize(
    "empty", [{}, {"refId": "", "maxDataPoints": None, "intervalMs": None, "queryType": None}]
)
def test_what_is_left_out_has_grafanas_defaults(empty: dict[str, Any]) -> None:
    parsed = only({"datasource": {"uid": "u"}, **empty}).query
    assert (parsed.ref_id, parsed.max_data_points, parsed.interval_ms, parsed.query_type) == (
        "A",
        100,
        1000,
        "",
    )


@pytest.mark.parametrize(
    ("given_as", "reference"),
    [
        ({"datasource": {"uid": "u", "type": "t"}}, DataSourceRef(uid="u", type="t")),
        ({"datasource": "u"}, DataSourceRef(uid="u")),
        ({"datasource": {"uid": "u"}, "datasourceId": 7}, DataSourceRef(uid="u")),
        ({"datasourceId": 7}, DataSourceRef(id=7)),
        ({"datasource": {"uid": ""}, "datasourceId": 7}, DataSourceRef(id=7)),
        ({"datasource": None, "datasourceId": 7}, DataSourceRef(id=7)),
    ],
)
def test_a_data_source_is_named_by_uid_before_number(
    given_as: dict[str, Any], reference: DataSourceRef
) -> None:
    assert only({"refId": "A", **given_as}).data_source == reference


@pytest.mark.parametrize(
    ("given_as", "message_id"),
    [
        ({}, "query.missingDataSourceInfo"),
        ({"datasource": None}, "query.missingDataSourceInfo"),
        ({"datasource": {}}, "query.invalidDatasourceId"),
        ({"datasource": {"uid": 5}}, "query.invalidDatasourceId"),
        ({"datasource": ""}, "query.invalidDatasourceId"),
        ({"datasourceId": 0}, "query.invalidDatasourceId"),
        ({"datasourceId": True}, "query.invalidDatasourceId"),
        ({"datasourceId": "7"}, "query.invalidDatasourceId"),
    ],
)
def test_a_query_must_name_its_data_source(given_as: dict[str, Any], message_id: str) -> None:
    with pytest.raises(QueryRequestError) as caught:
        parse({"refId": "A", **given_as})
    assert caught.value.message_id == message_id
    assert caught.value.status == 400


@pytest.mark.parametrize("queries", [[], None, {}, "x"])
def test_a_request_needs_queries(queries: Any) -> None:
    with pytest.raises(QueryRequestError, match="No queries found") as caught:
        parse_metric_request({**RANGE, "queries": queries})
    assert caught.value.message_id == "query.noQueries"


@pytest.mark.parametrize("second", [{"refId": "A"}, {"refId": ""}, {}])
def test_ref_ids_are_used_once(second: dict[str, Any]) -> None:
    again = {key: value for key, value in query().items() if key != "refId"} | second
    with pytest.raises(QueryRequestError) as caught:
        parse(query(), again)
    assert caught.value.message_id == "query.duplicateRefId"


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ({"refId": 5}, "queries[0].refId"),
        ({"queryType": []}, "queries[0].queryType"),
        ({"maxDataPoints": "100"}, "queries[0].maxDataPoints"),
        ({"maxDataPoints": True}, "queries[0].maxDataPoints"),
        ({"intervalMs": float("nan")}, "queries[0].intervalMs"),
        ({"intervalMs": float("inf")}, "queries[0].intervalMs"),
        ({"intervalMs": 2**70}, "queries[0].intervalMs"),
    ],
)
def test_a_malformed_query_is_named_by_its_path(fault: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(query(**fault))
    assert caught.value.path == path


@pytest.mark.parametrize("broken", [5, None, [], "x"])
def test_a_query_is_an_object(broken: Any) -> None:
    with pytest.raises(ValidationError, match=r"queries\[1\]"):
        parse(query(), broken)


def test_a_request_is_an_object() -> None:
    nothing: Any = []
    with pytest.raises(ValidationError, match="JSON object"):
        parse_metric_request(nothing)


def test_an_interval_may_be_a_fraction() -> None:
    assert only(query(intervalMs=1500.7)).query.interval_ms == 1500


def test_relative_times_count_from_one_moment() -> None:
    relative: dict[str, Any] = {"from": "now-1h", "to": "now"}
    first, second = parse(query(), query(refId="B"), **relative)
    assert first.query.time_range == second.query.time_range
    assert first.query.time_range.to == NOW
    assert first.query.time_range.duration == timedelta(hours=1)


def test_times_may_be_numbers() -> None:
    assert only(query(), **{"from": 1, "to": 2}).query.time_range.from_ms == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"from": None}, "from"),
        ({"to": ""}, "to"),
        ({"from": True}, "from"),
        ({"from": 1.5}, "from"),
        ({"from": [], "to": "now"}, "from"),
    ],
)
def test_a_missing_time_is_named(body: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(query(), **body)
    assert caught.value.path == path


OWN = {"timeRange": {"from": "10", "to": "20"}}


def test_a_query_has_a_time_range_of_its_own_only_with_the_header() -> None:
    assert only(query(**OWN)).query.time_range.from_ms == 1700000000000
    parsed = parse(query(**OWN), query(refId="B"), headers={"x-query-v2": "true"})
    assert [each.query.time_range.from_ms for each in parsed] == [10, 1700000000000]


def test_a_request_needs_no_time_range_if_each_query_has_one() -> None:
    body = {"queries": [query(**OWN)]}
    (parsed,) = parse_metric_request(body, headers={"X-Query-V2": "true"})
    assert parsed.query.time_range.to_ms == 20


def test_a_fault_in_a_querys_own_time_range_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        parse(query(timeRange={"from": "1"}), headers={"X-Query-V2": "true"})
    assert caught.value.path == "queries[0].timeRange.to"


TWO = (query(), query(refId="B", datasource={"uid": "v", "type": "prometheus"}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Datasource-Uid": "u, v"},
        {"x-datasource-uid": "v,u", "X-Plugin-Id": "mysql, prometheus"},
        {"X-Datasource-Uid": ""},
    ],
)
def test_headers_that_name_what_the_body_names_pass(headers: dict[str, str]) -> None:
    assert len(parse(*TWO, headers=headers)) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Datasource-Uid": "u"},
        {"X-Datasource-Uid": "u,v,w"},
        {"X-Datasource-Uid": "w"},
        {"X-Plugin-Id": "mysql"},
    ],
)
def test_headers_that_name_something_else_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(QueryRequestError) as caught:
        parse(*TWO, headers=headers)
    assert caught.value.message_id == "query.headerMismatch"


def test_a_query_that_leaves_its_type_open_agrees_with_any_header() -> None:
    by_number = {"refId": "A", "datasourceId": 7}
    assert parse(by_number, headers={"X-Datasource-Uid": "u", "X-Plugin-Id": "mysql"})
    with pytest.raises(QueryRequestError):
        parse(by_number, query(refId="B"), headers={"X-Datasource-Uid": "other"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["refId", "datasource", "datasourceId", "maxDataPoints", "intervalMs", "timeRange", "x"]
)
BODIES = st.fixed_dictionaries(
    {"queries": JSON | st.lists(JSON | st.dictionaries(KEYS, JSON), max_size=3)},
    optional={"from": JSON | st.just("now"), "to": JSON | st.just("now")},
)


@given(BODIES, st.booleans())
def test_any_json_is_read_or_refused_with_our_errors(body: dict[str, Any], v2: bool) -> None:
    try:
        parsed = parse_metric_request(body, headers={"X-Query-V2": str(v2).lower()})
    except (QueryRequestError, ValidationError):
        return
    assert len({each.query.ref_id for each in parsed}) == len(body["queries"])
