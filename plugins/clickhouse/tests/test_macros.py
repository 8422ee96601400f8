"""Macros: what each becomes. Range and interval are those of Grafana's own examples."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import MacroError, QueryError
from headwater.models import DataQuery, TimeRange
from headwater.sdk import parse
from headwater_clickhouse.dialect import quote_text
from headwater_clickhouse.macros import expand
from headwater_clickhouse.query_model import ClickHouseQuery

FROM, TO = 1415792726371, 1447328726371


def expanded(sql: str, *, interval_ms: int = 20_000, **keys: Any) -> str:
    request = DataQuery(
        time_range=TimeRange.from_epoch_ms(FROM, TO), interval_ms=interval_ms, json={"rawSql": sql, **keys}
    )
    return expand(parse(ClickHouseQuery, request.json, ignore_unknown=True, injected={"data_query": request}))


EXPRESSIONS = {
    "$__fromTime": "toDateTime(1415792726)",
    "$__toTime": "toDateTime(1447328726)",
    "$__fromTime_ms": "fromUnixTimestamp64Milli(1415792726371)",
    "$__toTime_ms": "fromUnixTimestamp64Milli(1447328726371)",
    "$__timeFilter(c)": "c >= toDateTime(1415792726) AND c <= toDateTime(1447328726)",
    "$__timeFilter_ms(c)": (
        "c >= fromUnixTimestamp64Milli(1415792726371) AND c <= fromUnixTimestamp64Milli(1447328726371)"
    ),
    "$__dateFilter(c)": "c >= toDate('2014-11-12') AND c <= toDate('2015-11-12')",
    "$__dateTimeFilter(d, t)": (
        "(d >= toDate('2014-11-12') AND d <= toDate('2015-11-12')) AND "
        "(t >= toDateTime(1415792726) AND t <= toDateTime(1447328726))"
    ),
    "$__timeFrom(c)": "c >= toDateTime(1415792726)",
    "$__timeTo(c)": "c <= toDateTime(1447328726)",
    "$__timeInterval(c)": "toStartOfInterval(toDateTime(c), INTERVAL 20 second)",
    "$__timeInterval_ms(c)": "toStartOfInterval(toDateTime64(c, 3), INTERVAL 20000 millisecond)",
    "$__timeGroup(c, 5m)": "toStartOfInterval(toDateTime(c), INTERVAL 300 second)",
    "$__timeGroup(c, '1h30m')": "toStartOfInterval(toDateTime(c), INTERVAL 5400 second)",
    "$__interval_s": "20",
    "$__interval_ms": "20000",
    "$__interval": "20s",
}


@pytest.mark.parametrize("macro", EXPRESSIONS)
def test_an_expression_macro_expands(macro: str) -> None:
    assert expanded(f"SELECT {macro} FROM t") == f"SELECT {EXPRESSIONS[macro]} FROM t"


def test_dt_is_short_for_date_time_filter() -> None:
    assert expanded("$__dt(a, b)") == expanded("$__dateTimeFilter(a, b)")


def test_table_and_column_come_from_the_query() -> None:
    assert expanded("SELECT $__column FROM $__table", table="t", column="c") == "SELECT c FROM t"


def test_macros_nest() -> None:
    assert expanded("$__timeInterval(toDateTime(intDiv(ms, $__interval_ms)))") == (
        "toStartOfInterval(toDateTime(toDateTime(intDiv(ms, 20000))), INTERVAL 20 second)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "'$__fromTime'",
        '"$__fromTime"',
        "`$__fromTime`",
        "-- $__fromTime\n",
        "/* $__fromTime */",
        "$x$ $__fromTime $x$",
        "'it''s $__fromTime'",
        r"'a\' $__fromTime'",
        "# $__fromTime\n",
    ],
)
def test_macros_in_quotes_and_comments_stay(text: str) -> None:
    assert expanded(f"SELECT {text} , 1") == f"SELECT {text} , 1"


def test_unknown_macros_stay_for_the_server_to_refuse() -> None:
    assert expanded("SELECT $__nonsense(1)") == "SELECT $__nonsense(1)"


def test_any_64_bit_interval_can_be_written() -> None:
    assert expanded("$__interval", interval_ms=2**63 - 1) == "2739726y"


def test_an_interval_below_a_second_is_one_second() -> None:
    assert expanded("$__timeInterval(c) $__interval_s", interval_ms=10) == (
        "toStartOfInterval(toDateTime(c), INTERVAL 1 second) 1"
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("$__timeFilter(a, b)", r"\$__timeFilter expected 1 argument\(s\), received 2"),
        ("$__timeFilter", r"\$__timeFilter expected 1 argument\(s\), received 0"),
        ("$__timeFilter(a", "missing close bracket"),
        ("$__timeGroup(a, 0s)", "at least one second"),
        ("$__timeGroup(a, soon)", "not a duration"),
        ("$__dateTimeFilter(a)", "expected 2"),
        ("$__adHocFilters", r"^unexpected number of arguments: \$__adHocFilters expected at least 1"),
        ("$__adHocFilters('a', b)", r"^\$__adHocFilters expects table names in single quotes"),
        ("$__adHocFilters(`logs`)", r"\$__adHocFilters expects table names"),
        ("$__adHocFilters('')", r"\$__adHocFilters expects table names"),
        ("$__conditionalAll(a = 1, host)", r"^\$__conditionalAll expects a variable such as \$host"),
    ],
)
def test_wrong_arguments_are_named(sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        expanded(f"SELECT {sql}")


IN_RANGE = "EventTime >= toDateTime(1415792726) AND EventTime <= toDateTime(1447328726)"
INTERVAL = "toStartOfInterval(toDateTime(EventTime), INTERVAL 20 second)"
SELECT = f"SELECT {INTERVAL} AS t, toString(ServiceName) AS metric,"
POINTS = "SELECT point.1 AS EventTime, point.2 AS Latency FROM (SELECT arrayJoin"
WINDOW = "WINDOW w AS (PARTITION BY metric ORDER BY t ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
ELAPSED = "(t - lagInFrame(t, 1, t) OVER w)"
GAIN = "max(r) - lagInFrame(max(r), 1, max(r)) OVER w"
STATEMENTS = {
    "$__columns(EventTime, ServiceName, count() AS c) FROM requests": (
        f"{SELECT} count() AS c FROM requests WHERE {IN_RANGE} GROUP BY t, metric ORDER BY t, metric"
    ),
    "$__columns(EventTime, ServiceName, count()) from requests where a != '' limit 1 BY t limit 10": (
        f"{SELECT} count() AS value from requests WHERE {IN_RANGE} AND (a != '') GROUP BY t, metric "
        "ORDER BY t, metric limit 1 BY t limit 10"
    ),
    "$__columns(EventTime, ServiceName, sum(v)) FROM r PREWHERE x HAVING c ORDER BY t DESC SETTINGS a = 1;": (
        f"{SELECT} sum(v) AS value FROM r PREWHERE x WHERE {IN_RANGE} GROUP BY t, metric HAVING c "
        "ORDER BY t DESC SETTINGS a = 1"
    ),
    "WITH top AS (SELECT 1 LIMIT 5) $__columns(EventTime, ServiceName, count()) FROM r WHERE x IN top -- c": (
        f"WITH top AS (SELECT 1 LIMIT 5) {SELECT} count() AS value FROM r WHERE {IN_RANGE} AND (x IN top) "
        "GROUP BY t, metric ORDER BY t, metric"
    ),
    "$__rateColumns(EventTime, ServiceName, sum(r)) FROM requests": (
        f"{SELECT} if({ELAPSED} = 0, nan, sum(r) / {ELAPSED}) AS value FROM requests WHERE {IN_RANGE} "
        f"GROUP BY t, metric {WINDOW} ORDER BY t, metric"
    ),
    "$__perSecondColumns(EventTime, ServiceName, r AS rps) FROM requests": (
        f"{SELECT} if({ELAPSED} = 0 OR ({GAIN}) < 0, nan, ({GAIN}) / {ELAPSED}) AS rps FROM requests "
        f"WHERE {IN_RANGE} GROUP BY t, metric {WINDOW} ORDER BY t, metric"
    ),
    "$__increaseColumns(EventTime, ServiceName, r) FROM requests": (
        f"{SELECT} if({ELAPSED} = 0 OR ({GAIN}) < 0, nan, toFloat64({GAIN})) AS value FROM requests "
        f"WHERE {IN_RANGE} GROUP BY t, metric {WINDOW} ORDER BY t, metric"
    ),
    "$__lttb(1000, EventTime, Latency) FROM l WHERE Region = 'eu'": (
        f"{POINTS}(lttb(1000)(EventTime, Latency)) AS point "
        f"FROM l WHERE {IN_RANGE} AND (Region = 'eu')) ORDER BY EventTime"
    ),
    "$__lttb(auto, EventTime, Latency) FROM l": (
        f"{POINTS}(lttb(1576800)(EventTime, Latency)) AS point FROM l WHERE {IN_RANGE}) ORDER BY EventTime"
    ),
    "$__lttb(5, EventTime, avg(v)) FROM e GROUP BY EventTime": (
        "SELECT point.1 AS EventTime, point.2 AS y FROM (SELECT arrayJoin(lttb(5)(EventTime, y)) AS point "
        f"FROM (SELECT EventTime, avg(v) AS y FROM e WHERE {IN_RANGE} GROUP BY EventTime "
        "ORDER BY EventTime)) ORDER BY EventTime"
    ),
    "$__columns(EventTime, ServiceName, max(X))FROM X WHERE b IN (SELECT X FROM (FROM y LIMIT 1) LIMIT 2)": (
        f"{SELECT} max(X) AS value FROM X "
        f"WHERE {IN_RANGE} AND (b IN (SELECT X FROM (FROM y LIMIT 1) LIMIT 2)) "
        "GROUP BY t, metric ORDER BY t, metric"
    ),
}


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_statement_macro_rewrites_the_rest_of_the_statement(sql: str) -> None:
    assert expanded(sql) == STATEMENTS[sql]


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        ("ts, `service,name`, count()", "toString(`service,name`) AS metric, count() AS value"),
        ("ts, `a AS b`, count() AS `odd one`", "toString(`a AS b`) AS metric, count() AS `odd one`"),
        ("ts, k AS host, sum(x) as s", "toString(k) AS host, sum(x) AS s"),
        ("ts, k, CAST(x AS Float64)", "toString(k) AS metric, CAST(x AS Float64) AS value"),
    ],
)
def test_quoted_names_and_casts_are_not_mistaken_for_aliases(arguments: str, columns: str) -> None:
    assert columns in expanded(f"$__columns({arguments}) FROM t")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("$__columns(a, b) FROM t", r"expected 3 argument\(s\), received 2"),
        ("$__columns FROM t", r"expected 3 argument\(s\), received 0"),
        ("$__columns(a, b, c)", "must be followed by FROM"),
        ("$__columns(a, b, c) FROM t GROUP BY a", "GROUP BY"),
        ("$__columns(a, b, c) FROM t ORDER BY t HAVING c > 1", "HAVING must not follow ORDER BY"),
        ("$__columns(a, b, c) FROM t WHERE a WHERE b", "WHERE must not follow WHERE"),
        ("$__columns(a, b, c) FROM t LIMIT 1 BY a LIMIT 2 WHERE b", "WHERE must not follow LIMIT"),
        ("SELECT * FROM ($__columns(a, b, c) FROM t)", "top level"),
        ("$__columns(a, b, c) FROM t UNION ALL $__columns(a, b, c) FROM t", "only one statement macro"),
        ("$__lttb(ten, a, b) FROM t", "buckets"),
        ("$__lttb(0, a, b) FROM t", "buckets"),
    ],
)
def test_misplaced_statement_macros_are_explained(sql: str, message: str) -> None:
    with pytest.raises(MacroError, match=message):
        expanded(sql)


def test_ad_hoc_filters_become_table_filters() -> None:
    filters = [
        {"key": "host", "operator": "=", "value": "it's"},
        {"key": "labels['app']", "operator": "=~", "value": "^a.*"},
        {"key": "code", "operator": "IN", "value": "('1', '2')"},
    ]
    assert expanded("SELECT 1 SETTINGS $__adHocFilters('logs', 'db.traces')", adHocFilters=filters) == (
        r"SELECT 1 SETTINGS additional_table_filters={"
        r"'logs': 'host = \'it\\\'s\' AND labels[\'app\'] REGEXP \'^a.*\' AND code IN (\'1\', \'2\')', "
        r"'db.traces': 'host = \'it\\\'s\' AND labels[\'app\'] REGEXP \'^a.*\' AND code IN (\'1\', \'2\')'}"
    )


def test_without_ad_hoc_filters_nothing_is_filtered() -> None:
    assert (
        expanded("SELECT 1 SETTINGS $__adHocFilters('t')") == "SELECT 1 SETTINGS additional_table_filters={}"
    )


@pytest.mark.parametrize(
    ("operator", "value", "condition"),
    [
        ("IS", "NULL", "IS NULL"),
        ("is not", " null ", "IS NOT NULL"),
        ("IN", "1, two", "IN ('1', 'two')"),
        ("not in", "('a, b', c)", "NOT IN ('a, b', 'c')"),
        ("IN", r"('it\'s', 'it''s', '\\', '')", r"IN ('it\'s', 'it''s', '\\', '')"),
        ("IN", r"""("it's", "a""b", "c\"d\'", "")""", r"""IN ('it\'s', 'a"b', 'c\"d\'', '')"""),
        ("IN", r"""', 'a, "b, 'c\', XIX""", r"""IN ('\'', '\'a', '"b', '\'c\\\'', 'XIX')"""),
    ],
)
def test_ad_hoc_filters_compare_with_null_and_with_lists(operator: str, value: str, condition: str) -> None:
    wanted = [{"key": "c", "operator": operator, "value": value}]
    sql = expanded("$__adHocFilters('t')", adHocFilters=wanted)
    assert sql == f"additional_table_filters={{'t': {quote_text(f'c {condition}')}}}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"key": "a) OR (1", "operator": "=", "value": "1"}, r"'a\) OR \(1' is not a column"),
        ({"key": "a['b'] OR c['d']", "operator": "=", "value": "1"}, "is not a column"),
        ({"key": "a", "operator": "= 1 OR b =", "value": "1"}, "'a' has an unknown operator '= 1 OR b ='"),
        ({"key": "a", "operator": "IS", "value": "NULL OR 1"}, "'a' can only be compared with NULL"),
    ],
)
def test_an_ad_hoc_filter_cannot_smuggle_sql(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(MacroError, match=message):
        expanded("SELECT 1 SETTINGS $__adHocFilters('t')", adHocFilters=[wrong])


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        ("$__all", "1=1"),
        ("", "1=1"),
        (["$__all"], "1=1"),
        ([], "1=1"),
        ("web", "h = $host"),
        (["web", "db"], "h = $host"),
        (None, "h = $host"),
    ],
)
def test_conditional_all_drops_the_condition_when_all_are_chosen(value: object, condition: str) -> None:
    variables = {} if value is None else {"host": value}
    sql = "SELECT 1 WHERE $__conditionalAll(h = $host, ${host})"
    assert expanded(sql, variables=variables) == f"SELECT 1 WHERE {condition}"
