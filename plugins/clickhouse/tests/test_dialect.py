"""Quoting, and which statements are let through."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from headwater.errors import QueryError, ValidationError
from headwater_clickhouse.dialect import (
    can_be_described,
    can_be_repeated,
    is_read,
    prepare_statement,
    quote_name,
    quote_text,
)
from headwater_clickhouse.parameters import encode_parameters
from servers.clickhouse import Ask

# A lone surrogate is not text, and cannot be sent.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
several = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@several
@given(text=TEXTS)
def test_quoted_text_comes_back_unchanged(ask: Ask, text: str) -> None:
    assert ask(f"SELECT {quote_text(text)} AS v").column("v").to_pylist() == [text]


@several
@given(text=TEXTS, items=st.lists(TEXTS, max_size=3))
def test_parameters_come_back_unchanged(ask: Ask, text: str, items: list[str]) -> None:
    query = {
        "rawSql": "SELECT {t:String} AS t, {i:Array(String)} AS i, {m:Map(String, String)} AS m",
        "params": {"t": text, "i": items, "m": {text: text}},
    }
    assert ask(query).to_pylist() == [{"t": text, "i": items, "m": [(text, text)]}]


@pytest.mark.parametrize("name", ["a`b, c", "a\\b", "\\`"])
def test_a_quoted_name_stays_one_name(ask: Ask, name: str) -> None:
    assert ask(f"SELECT 1 AS {quote_name(name)}").column_names == [name]


@pytest.mark.parametrize("quote", ["`", '"'])
def test_macros_stay_as_they_are_within_a_name_that_escapes_its_quote(ask: Ask, quote: str) -> None:
    name = f"{quote}a\\{quote} $__timeFilter(x){quote}"
    assert ask(f"SELECT 1 AS {name}").column_names == [f"a{quote} $__timeFilter(x)"]


@pytest.mark.parametrize(
    "hidden",
    [
        "SELECT ‘'’ AS a INTO OUTFILE '/tmp/never' --'",
        "SELECT 1 AS “'” INTO OUTFILE '/tmp/never' --'",
        "SELECT 1 AS a$b$ INTO OUTFILE '/tmp/never' -- $b$",
    ],
)
def test_no_quote_hides_an_outfile(hidden: str) -> None:
    with pytest.raises(QueryError, match="INTO OUTFILE"):
        prepare_statement(hidden, allow_writes=True)


def test_quotes_of_typography_are_read_as_clickhouse_does(ask: Ask) -> None:
    assert ask("SELECT ‘it's $__x’ AS “a'b” -- '").to_pylist() == [{"a'b": "it's $__x"}]


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 /* /* */ ' */ INTO OUTFILE '/tmp/never' --'", "/* /* */ INSERT INTO t /* */ */ SELECT 1"],
)
def test_comments_within_comments_are_refused(sql: str) -> None:
    with pytest.raises(QueryError, match=r"^Comments within comments"):
        prepare_statement(sql, allow_writes=False)
    assert prepare_statement("SELECT 1 /* a * / b */ -- /* /*", allow_writes=False)


@pytest.mark.parametrize("quote", ["`", '"', "'"])
def test_an_escaped_quote_hides_no_outfile(quote: str) -> None:
    hidden = f"SELECT 1 AS {quote}\\{quote}{quote} INTO OUTFILE '/tmp/never' -- {quote}"
    with pytest.raises(QueryError, match="INTO OUTFILE"):
        prepare_statement(hidden, allow_writes=False)


def test_other_values_can_be_parameters(ask: Ask) -> None:
    query = {
        "rawSql": "SELECT {n:Nullable(Int8)} n, {b:Bool} b, {f:Float64} f, {x:Array(Nullable(Int8))} x",
        "params": {"n": None, "b": True, "f": 1.5, "x": [1, None]},
    }
    assert ask(query).to_pylist() == [{"n": None, "b": True, "f": 1.5, "x": [1, None]}]


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("Array(Bool)", [True, False], "[true,false]"),
        ("Bool", False, "false"),
        ("Decimal(9, 2)", Decimal("1E+3"), "1000"),
        ("Date", date(2024, 1, 2), "2024-01-02"),
        ("Array(Nullable(Date))", [date(2024, 1, 2), None], "['2024-01-02',NULL]"),
        ("Array(DateTime('UTC'))", [datetime(1970, 1, 1, tzinfo=UTC)], "['1970-01-01 00:00:00']"),
        ("Array(UUID)", [UUID(int=1)], "['00000000-0000-0000-0000-000000000001']"),
        ("Tuple(Int8, String)", (1, "it's"), r"(1,'it\'s')"),
        ("Map(String, Array(Int8))", {"a": [1, 2], "b": []}, "{'a':[1,2],'b':[]}"),
    ],
)
def test_each_kind_of_value_can_be_a_parameter(ask: Ask, type_: str, value: object, shown: str) -> None:
    query = {"rawSql": f"SELECT toString({{v:{type_}}}) AS v", "params": {"v": value}}
    assert ask(query)["v"].to_pylist() == [shown]


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=2))),
        datetime(2024, 1, 1, 0, 0, 0, 120_000, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC),
        datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 33, 19, tzinfo=UTC),
        datetime(1970, 1, 1, 3, 33, 19, 5, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 0, 0, 0, 100, tzinfo=UTC).replace(tzinfo=None),
    ],
)
def test_a_moment_as_a_parameter_is_that_moment(ask: Ask, value: datetime) -> None:
    """One without a zone is of the column's zone."""
    query = {"rawSql": "SELECT {v:DateTime64(6, 'UTC')} AS v", "params": {"v": value}}
    meant = value if value.tzinfo else value.replace(tzinfo=UTC)
    assert ask(query)["v"].to_pylist() == [meant]


def test_what_cannot_be_a_parameter_is_named() -> None:
    for value in (object(), [object()], (object(),), {"k": object()}, {object(): 1}):
        with pytest.raises(ValidationError, match=r"^params\.a: .*object"):
            encode_parameters({"a": value})
    with pytest.raises(ValidationError, match=r"^params\.a b: a parameter's name is an identifier$"):
        encode_parameters({"a b": 1})
    moment = datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    for value in (moment, [moment]):
        with pytest.raises(ValidationError, match=r"^params\.t: ClickHouse .*last second before 1970"):
            encode_parameters({"t": value})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "select 1 -- ; DROP TABLE t",
        "WITH 1 AS x SELECT x",
        "FROM t SELECT *",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SHOW TABLES",
        "DESCRIBE t",
        "EXPLAIN SELECT 1",
        "SELECT insert FROM t",
        "EXISTS t",
        "/* c */ SELECT ';'",
        "SELECT 'INSERT INTO t'; ;",
        "WITH {insert:Int8} AS x SELECT x",
        "WITH [insert] AS x SELECT x FROM t",
        "WITH ((1), insert) AS x SELECT x FROM t",
    ],
)
def test_reads_are_let_through(sql: str) -> None:
    prepared = prepare_statement(sql, allow_writes=False)
    assert not prepared.endswith(";")


@pytest.mark.parametrize(
    ("sql", "prepared"),
    [
        (" SELECT 1 ", " SELECT 1"),
        ("SELECT 1 ; -- c", "SELECT 1"),
        ("/* c */ SELECT 1 ;;", "/* c */ SELECT 1"),
        ("SELECT ';' ; /* c */ ;\n", "SELECT ';'"),
        ("SELECT 1 -- c", "SELECT 1 -- c"),
    ],
)
def test_the_statement_ends_before_its_semicolon(sql: str, prepared: str) -> None:
    assert prepare_statement(sql, allow_writes=False) == prepared


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t SELECT 1",
        "INSERT INTO FUNCTION file('x.csv') SELECT 1",
        "DROP TABLE t",
        "SYSTEM SHUTDOWN",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "WITH {a:Int8} AS x INSERT INTO t SELECT x",
        "WITH [1] AS x INSERT INTO t SELECT x",
        "WITH ((1), 2) AS x INSERT INTO t SELECT x",
        "SET readonly = 0",
        "KILL QUERY WHERE 1",
        "/**/ALTER TABLE t ADD COLUMN a Int8",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "GRANT ALL ON *.* TO x",
        "USE system",
        "BACKUP TABLE t TO Disk('x')",
        "EXPLAIN PIPELINE INSERT INTO FUNCTION file('x.csv') SELECT 1",
        "SELECT 1 PARALLEL WITH INSERT INTO FUNCTION file('x.csv') SELECT 1",
    ],
)
def test_everything_else_needs_leave_to_write(sql: str) -> None:
    with pytest.raises(QueryError, match="allowWrites"):
        prepare_statement(sql, allow_writes=False)
    assert prepare_statement(sql, allow_writes=True) == sql


def test_a_refusal_says_what_and_why() -> None:
    reason = r"^DROP statements are not allowed here: the data source is read-only \(setting allowWrites\)\.$"
    with pytest.raises(QueryError, match=reason):
        prepare_statement("drop table t", allow_writes=False)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1;DROP TABLE t",
        "SELECT 1; 'x'",
        "SELECT 1;\n-- c\nSELECT 2",
        "SELECT 1; X",
        "SELECT 1; /* c */ X",
    ],
)
def test_a_second_statement_is_refused(sql: str) -> None:
    with pytest.raises(QueryError, match=r"^Only one statement is allowed"):
        prepare_statement(sql, allow_writes=True)


@pytest.mark.parametrize("sql", ["", "  ", ";", "-- nothing", "/* nothing */"])
def test_an_empty_query_is_refused(sql: str) -> None:
    with pytest.raises(QueryError, match=r"^The query is empty\."):
        prepare_statement(sql, allow_writes=True)


def test_a_file_cannot_be_written_by_a_select() -> None:
    with pytest.raises(QueryError, match=r"^Leave INTO OUTFILE out of the query"):
        prepare_statement("SELECT 1 INTO\nOUTFILE 'x'", allow_writes=True)


@pytest.mark.parametrize("name", ["CSV", "Null"])
def test_format_is_taken_by_arrow(ask: Ask, name: str) -> None:
    with pytest.raises(QueryError, match="Leave FORMAT out"):
        ask(f"SELECT 1 FORMAT {name}")


def test_a_column_may_be_called_format(ask: Ask) -> None:
    assert ask("SELECT 1 AS format ORDER BY format DESC").column_names == ["format"]


@pytest.mark.parametrize(
    ("sql", "described", "repeated", "reads"),
    [
        ("SELECT 1", True, False, True),
        ("(select 1)", True, False, True),
        ("SHOW TABLES", False, True, True),
        ("EXISTS t", False, True, True),
        ("CHECK TABLE t", False, False, True),
        ("INSERT INTO t SELECT 1", False, False, False),
        ("SET readonly = 0", False, False, False),
    ],
)
def test_only_selects_are_described_and_only_what_is_cheap_is_repeated(
    sql: str, described: bool, repeated: bool, reads: bool
) -> None:
    assert (can_be_described(sql), can_be_repeated(sql), is_read(sql)) == (described, repeated, reads)


@pytest.mark.parametrize(
    "sql", ["SHOW DATABASES", "DESCRIBE (SELECT 1)", "EXPLAIN SELECT 1", "EXISTS system.one"]
)
def test_statements_about_statements_run(ask: Ask, sql: str) -> None:
    assert ask(sql).num_rows > 0


@pytest.mark.parametrize("piece", [";", "(", "/*", "'", "\\'", "$a$", "$$", "--", "a ", "{a:"])
def test_a_mebibyte_of_anything_is_let_through_or_refused(piece: str) -> None:
    """Within the time that a test may take: what grows with the square of the length would need hours."""
    with contextlib.suppress(QueryError):
        prepare_statement("SELECT 1" + piece * (2**20 // len(piece)), allow_writes=False)
