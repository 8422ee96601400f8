"""ClickHouse's SQL on the surface: quoting, and which statements are let through."""

from __future__ import annotations

import itertools
import re

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, SpanKind, scan

DIALECT = Dialect(
    quotes="'\"`‘“", backslash_escapes="'\"`", hash_comments=True, nested_comments=True, heredocs=True
)

_SELECTS = frozenset({"SELECT", "WITH", "FROM"})
_SHOWS = frozenset({"SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
_READS = _SELECTS | _SHOWS | {"CHECK"}
_BEFORE_INSERT = frozenset({"WITH", "EXPLAIN"})
"""To explain an INSERT opens what it would write to."""
_PARALLEL = ("PARALLEL", "WITH")
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[()\[\]{};]")
_TOTALS = re.compile(r"\bWITH\s+TOTALS\b", re.IGNORECASE)
_EXTREMES = re.compile(r"\bextremes\s*=(?!\s*0\b)", re.IGNORECASE)
_ESCAPES = {
    "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\0": "\\0",
}  # fmt: skip


def quote_text(text: str) -> str:
    """`text` as a ClickHouse string literal."""
    return "'" + "".join(_ESCAPES.get(c, c) for c in text) + "'"


def quote_name(name: str) -> str:
    """`name` as a quoted identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def prepare_statement(sql: str, *, allow_writes: bool) -> str:
    """`sql` without trailing semicolons, if it is one statement that may run here.

    Raises QueryError for an empty or second statement, for INTO OUTFILE, and, unless writes are allowed,
    for everything that is not a read. The engine's own read-only mode alone would let
    `INSERT INTO FUNCTION file(…)` and INTO OUTFILE through.
    """
    words, end = _top_level_words(sql)
    if not words:
        raise QueryError("The query is empty.")
    upper = [word.upper() for word in words]
    pairs = set(itertools.pairwise(upper))
    if not allow_writes:
        may_insert = "INSERT" in upper and (upper[0] in _BEFORE_INSERT or _PARALLEL in pairs)
        if upper[0] not in _READS or may_insert:
            raise QueryError(
                f"{upper[0]} statements are not allowed here: the data source is read-only "
                "(setting allowWrites)."
            )
    if ("INTO", "OUTFILE") in pairs:
        raise QueryError("Leave INTO OUTFILE out of the query: results are returned as Arrow.")
    return sql[:end].rstrip()


def is_read(sql: str) -> bool:
    """Whether a prepared statement only reads, and so leaves nothing in its session."""
    return _first_word(sql) in _READS


def can_be_described(sql: str) -> bool:
    """Whether `DESCRIBE (sql)` tells the types of a prepared statement's columns."""
    return _first_word(sql) in _SELECTS


def can_be_repeated(sql: str) -> bool:
    """Whether a prepared statement that cannot be described is cheap, and changes nothing."""
    return _first_word(sql) in _SHOWS


def asks_for_totals(sql: str) -> bool:
    """Whether a statement, or a query within it, has WITH TOTALS."""
    return "totals" in sql.lower() and _TOTALS.search(_without_quotes(sql)) is not None


def asks_for_extremes(sql: str) -> bool:
    """Whether a statement sets `extremes`."""
    if "extremes" not in sql.lower():
        return False
    bare = _without_quotes(sql)
    match = _EXTREMES.search(bare)
    return match is not None and "SETTINGS" in bare[: match.start()].upper()


def _without_quotes(sql: str) -> str:
    spans = scan(sql, DIALECT)
    return "".join(sql[span.start : span.end] if span.kind is SpanKind.CODE else " " for span in spans)


def _first_word(sql: str) -> str:
    """The verb of a prepared statement, in capitals."""
    words, _ = _top_level_words(sql)
    return words[0].upper()


def _top_level_words(sql: str) -> tuple[list[str], int | None]:
    """The bare words outside all brackets, and where the statement's `;` is, if it has one."""
    words: list[str] = []
    depth = 0
    end: int | None = None
    for span in scan(sql, DIALECT):
        text = sql[span.start : span.end]
        if span.kind is SpanKind.COMMENT:
            if text.count("/*") > 1 and text.startswith("/*"):
                raise QueryError(
                    "Comments within comments are not allowed: ClickHouse's versions see their end elsewhere."
                )
            continue
        if end is not None and text.strip(" \t\r\n\f\v;"):
            raise QueryError("Only one statement is allowed in a query.")
        if span.kind is SpanKind.QUOTED:
            continue
        for token in _TOKEN.finditer(text):
            match token[0]:
                case ";" if depth == 0:
                    if end is None:
                        end = span.start + token.start()
                        if text[token.end() :].strip(" \t\r\n\f\v;"):
                            raise QueryError("Only one statement is allowed in a query.")
                case "(" | "[" | "{":
                    depth += 1
                case ")" | "]" | "}":
                    depth = max(0, depth - 1)
                case word if depth == 0 or not words:
                    words.append(word)
    return words, end
