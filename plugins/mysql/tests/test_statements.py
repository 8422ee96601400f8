"""What a data source that only reads sends to the server, and what it refuses."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryError
from headwater.sdk import CallContext
from headwater.sdk.sql import SpanKind, scan
from headwater_mysql.dialect import dialect_of, quoted, readings_of
from headwater_mysql.statements import check_reads_only
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_family import DatabaseServer

READS = [
    "SELECT 1",
    "select 1;",
    "  /* a comment */ SELECT 1 -- and another",
    "(SELECT 1) UNION (SELECT 2)",
    "SELECT 'a; b', \"it\\'s; x\", `outfile` FROM t",
    "SELECT 'INTO OUTFILE' AS text",
    "WITH a AS (SELECT 1) SELECT REPLACE(x, 'a', 'b') FROM a",
    "(WITH a AS (SELECT 1) SELECT * FROM a)",
    "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 3) SELECT n FROM a",
    "WITH a AS (SELECT 'it\\'s' AS x) SELECT * FROM a",
    "WITH /* a comment */ a AS (SELECT '/*! no comment */') SELECT * FROM a -- and another",
    "VALUES ROW(1, 2)",
    "TABLE t",
    "SHOW PROCESSLIST",
    "DESCRIBE t",
    "DESC t",
    "EXPLAIN DELETE FROM t",
    "EXPLAIN UPDATE t SET analyze = 1",
    "EXPLAIN FORMAT=JSON SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "ANALYZE FORMAT=JSON SELECT 1",
    "HELP 'SELECT'",
    "SELECT /*!40001 SQL_NO_CACHE */ 1",
]

REFUSED = [
    "SET GLOBAL max_connections = 5",
    "FLUSH TABLES",
    "RESET QUERY CACHE",
    "CHANGE MASTER TO MASTER_HOST = 'x'",
    "ANALYZE TABLE t",
    "ANALYZE DELETE FROM t",
    "ANALYZE FORMAT=JSON UPDATE t SET a = 1",
    "EXPLAIN ANALYZE DELETE FROM t",
    "DESC ANALYZE DELETE FROM t",
    "EXPLAIN FORMAT=TREE ANALYZE DELETE FROM t",
    "KILL 5",
    "SHUTDOWN",
    "CALL anything()",
    "DO 1",
    "USE mysql",
    "LOCK TABLES t READ",
    "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
    "EXECUTE IMMEDIATE 'SHUTDOWN'",
    "BEGIN NOT ATOMIC SELECT 1; END",
    "WITH a AS (SELECT 1) DELETE FROM t",
    "WITH a AS (SELECT 1) UPDATE t SET x = 1",
    "EXPLAIN ANALYZE WITH a AS (SELECT 1) DELETE FROM t",
    "WITH a AS (SELECT 1)",
    "ANALYZE",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 INTO DUMPFILE '/tmp/x'",
    "(SELECT 1 INTO OUTFILE '/tmp/x')",
    "SELECT 1 INTO/**/OUTFILE '/tmp/x'",
    "SELECT 1 INTO OUTFILE'/tmp/x'",
    "SELECT 1 INTO /*!50000 OUTFILE */ '/tmp/x'",
    "SELECT 1 /*! INTO/*!50000OUTFILE '/tmp/x' */",
    "SELECT 1 /*M!100000 INTO OUTFILE '/tmp/x' */",
    "SELECT 1 INTO /*!99999 x */ /*!50000 OUTFILE */ '/tmp/x'",
    "TABLE t INTO OUTFILE '/tmp/x'",
    "/*!99999 SELECT */ /*!50000 DROP TABLE t */",
    "/*! FLUSH TABLES */",
    "ANALYZE /*! UPDATE t SET a = 9 WHERE a IN ( */ SELECT 1 /*! ) */",
    "ANALYZE /*M!100000 TABLE t */ SELECT 1",
    "EXPLAIN /*! ANALYZE */ DELETE t FROM t JOIN (SELECT 1 AS b) u",
    "WITH x AS (SELECT 1 AS b) /*! DELETE t FROM t, x WHERE t.a > ( */ SELECT 0 /*! ) */",
    "SELECT 1; SHUTDOWN",
    "SELECT 1;; SELECT 2",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", READS)
def test_what_reads_passes(sql: str) -> None:
    check_reads_only(sql)


@pytest.mark.parametrize("sql", REFUSED)
def test_what_does_more_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        check_reads_only(sql)


def test_a_refusal_says_what_and_why() -> None:
    with pytest.raises(
        QueryError, match=r"^FLUSH statements are not allowed here: .*read-only \(setting readOnly\)\.$"
    ):
        check_reads_only("flush tables")
    with pytest.raises(QueryError, match=r"^The query is empty\.$"):
        check_reads_only("-- nothing")
    with pytest.raises(QueryError, match=r"^Only one statement is allowed"):
        check_reads_only("SELECT 1; SELECT 2")
    with pytest.raises(QueryError) as writing:
        check_reads_only("SELECT 1 INTO OUTFILE '/tmp/x'")
    assert str(writing.value) == (
        "INTO OUTFILE writes a file on the server; that is not allowed here: the data source is read-only. "
        "Put a name that reads so into backticks."
    )
    hidden = (
        r"^Comments that the server executes \(/\*! … \*/\) are not allowed in WITH, EXPLAIN and ANALYZE: "
        r"the data source is read-only\.$"
    )
    with pytest.raises(QueryError, match=hidden):
        check_reads_only("EXPLAIN /*! ANALYZE */ SELECT 1")


HIDDEN = {
    "NO_BACKSLASH_ESCAPES": r"""SELECT 'a\' INTO OUTFILE "/tmp/x" -- '""",
    "ANSI_QUOTES": r"""SELECT "a\" INTO OUTFILE '/tmp/x' -- \"""",
}


@pytest.mark.parametrize("mode", HIDDEN)
@pytest.mark.parametrize("within", ["{}", "SELECT 1 /*! UNION {}\n */"])
def test_no_quote_of_the_sessions_mode_hides_a_file(mode: str, within: str) -> None:
    sql = within.format(HIDDEN[mode])
    check_reads_only(sql)
    with pytest.raises(QueryError, match="OUTFILE writes a file"):
        check_reads_only(sql, dialect_of(mode))


@pytest.mark.parametrize("mode", ["", *HIDDEN])
def test_a_session_is_read_as_its_mode_tells_or_else_in_every_way(mode: str) -> None:
    assert readings_of(mode) == (dialect_of(mode),)
    assert dialect_of(mode) in readings_of(None)


@pytest.mark.parametrize("mode", ["", "MSSQL", *HIDDEN])
@pytest.mark.parametrize("name", ["a", "a b; --", "`", "a``b", "\\", "it's", ""])
def test_a_quoted_name_stays_one_name_in_any_mode(name: str, mode: str) -> None:
    text = quoted(name)
    assert [(span.kind, span.end) for span in scan(text, dialect_of(mode))] == [(SpanKind.QUOTED, len(text))]
    assert text[1:-1].replace("``", "`") == name


def test_calls_pass_where_the_operator_allows_them() -> None:
    check_reads_only("CALL report(1)", allow_calls=True)
    with pytest.raises(QueryError, match=r"\(setting allowCalls, or readOnly\)\.$"):
        check_reads_only("CALL report(1)")


@given(st.text(alphabet="SELECTINOUFDMP /*!;'\"`\\-#\n()M5x", max_size=60))
def test_any_text_is_let_through_or_refused_as_a_query(text: str) -> None:
    with contextlib.suppress(QueryError):
        check_reads_only(text)


@pytest.mark.parametrize("text", ["(", "/*", "/*!", "'", "SELECT ", "a;", "\\'"])
def test_a_mebibyte_of_anything_passes_or_is_refused(text: str) -> None:
    """Within the time that a test may take: what grows with the square of the length would need hours."""
    with contextlib.suppress(QueryError):
        check_reads_only("SELECT " + text * (2**20 // len(text)))


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 INTO OUTFILE '{}'", "FLUSH TABLES", "SET GLOBAL max_connections = 5", "SHUTDOWN", "KILL 1"],
)
def test_the_server_never_sees_what_is_refused(
    sql: str,
    server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    tmp_path: Path,
) -> None:
    data_source = open_data_source(server)
    with pytest.raises(QueryError, match="not allowed"):
        query(data_source, sql.format(tmp_path / "x"), context)
    assert list(tmp_path.iterdir()) == []
    assert query(data_source, "SELECT 1 AS alive", context).read_all().to_pylist() == [{"alive": 1}]
