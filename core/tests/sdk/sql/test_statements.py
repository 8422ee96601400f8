"""The allow-list of statements that read, and the words that it looks at."""

from __future__ import annotations

import pytest

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, ReadStatements, statement_tokens, statement_words, without_semicolon

READS = ReadStatements()
DIALECT = Dialect()


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("select 1;", "SELECT"),
        ("/* DELETE */ SELECT 'a; b'", "SELECT"),
        ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
        ("WITH a AS (SELECT 1) VALUES (1)", "WITH"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
        ("EXPLAIN WITH a AS (SELECT 1) SELECT 1", "EXPLAIN"),
        ("SHOW tables", "SHOW"),
    ],
)
def test_what_reads_is_let_through_with_its_verb(sql: str, verb: str) -> None:
    assert READS.check(sql, DIALECT) == verb


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "SET x = 1",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT 1; DELETE FROM t",
        "",
        "-- nothing",
        "EXPLAIN",
        "WITH",
    ],
)
def test_what_writes_or_may_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        READS.check(sql, DIALECT)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("-- nothing", "The query is empty."),
        ("DROP t", "DROP statements are not allowed here: the data source is read-only (setting readOnly)."),
        ("SELECT 1; SELECT 2", "Only one statement is allowed in a query."),
        ("SELECT 1;;(", "Only one statement is allowed in a query."),
    ],
)
def test_a_refusal_says_why(sql: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        READS.check(sql, DIALECT)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT ((1, b), c) d FROM X", "SELECT D FROM X"),
        ("(SELECT a) UNION (SELECT b)", "SELECT A UNION SELECT B"),
        ("((SELECT (a) b) c)", "SELECT B C"),
        ("WITH a AS (SELECT (1)) DELETE FROM t", "WITH A AS DELETE FROM T"),
        ("SELECT 'x' \"y\" -- z", "SELECT"),
        ("SELECT a$1, _b;;", "SELECT A$1 _B"),
    ],
)
def test_the_words_of_a_statement_are_those_outside_of_its_brackets(sql: str, words: str) -> None:
    assert statement_words(sql, DIALECT) == words.split()


def test_each_quoted_text_is_one_token_and_a_comment_none() -> None:
    tokens = list(statement_tokens("f('a', \"b\") -- c\n/* d */;", DIALECT))

    assert tokens == ["F", "(", "''", "''", ")", ";"]


@pytest.mark.parametrize(
    ("sql", "without"),
    [
        ("SELECT 1; ;\n", "SELECT 1"),
        ("SELECT 1; -- done", "SELECT 1"),
        ("SELECT ';'", "SELECT ';'"),
        ("SELECT X;", "SELECT X"),
        ("SELECT 1 \n", "SELECT 1 \n"),
        ("", ""),
    ],
)
def test_semicolons_at_the_end_are_dropped(sql: str, without: str) -> None:
    assert without_semicolon(sql, DIALECT) == without
