"""Which statement a text is, as far as its words tell, and whether it only reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from headwater.errors import QueryError

from .scanner import Dialect, SpanKind, scan

__all__ = ["ReadStatements", "outer_words", "statement_tokens", "statement_words", "without_semicolon"]

_TOKEN: Final = re.compile(r"[\w$]+|[();]")
_NO_WORDS: Final = frozenset({";", "''"})
_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})


@attrs.frozen
class ReadStatements:
    """An allow-list: the first words of statements that only read, and of those that explain one.

    `explain_words` may stand between EXPLAIN and the statement that it explains. It is the first line: a
    session that cannot write is the second, for functions do what they like.
    """

    first_words: frozenset[str] = frozenset({"SELECT", "VALUES", "TABLE", "SHOW"})
    explains: frozenset[str] = frozenset({"EXPLAIN"})
    explain_words: frozenset[str] = frozenset({"ANALYZE", "VERBOSE", "QUERY", "PLAN"})

    def check(self, sql: str, dialect: Dialect) -> str:
        """The first word of `sql`, in capitals. Raises QueryError unless it is one statement that reads."""
        words = statement_words(sql, dialect)
        if not words:
            raise QueryError("The query is empty.")
        told = words
        if told[0] in self.explains:
            told = told[next((i for i, word in enumerate(told) if i and word not in self.explain_words), 0) :]
        if not self._reads(told):
            raise QueryError(
                f"{words[0]} statements are not allowed here: the data source is read-only "
                "(setting readOnly)."
            )
        return words[0]

    def _reads(self, words: list[str]) -> bool:
        if words[0] != "WITH":
            return words[0] in self.first_words
        return next((word for word in words if word in self.first_words | _WRITES), "") in self.first_words


def statement_words(sql: str, dialect: Dialect) -> list[str]:
    """The words of the statement outside of comments and of brackets within it, in upper case.

    Raises QueryError for a second statement.
    """
    tokens = list(statement_tokens(sql, dialect))
    if ";" in tokens and set(tokens[tokens.index(";") :]) != {";"}:
        raise QueryError("Only one statement is allowed in a query.")
    return outer_words(tokens)


def outer_words(tokens: Iterable[str]) -> list[str]:
    """Those of the `tokens` that are words outside of brackets; a statement may stand in brackets itself."""
    words: list[str] = []
    depth = level = 0
    for part in tokens:
        if part in "()":
            depth += 1 if part == "(" else -1
        elif part not in _NO_WORDS and (depth <= level or not words):
            level = level if words else depth
            words.append(part)
    return words


def statement_tokens(sql: str, dialect: Dialect) -> Iterator[str]:
    """Words in upper case, brackets and semicolons of the code, and `''` for each quoted text."""
    for span in scan(sql, dialect):
        if span.kind is SpanKind.CODE:
            yield from (token[0].upper() for token in _TOKEN.finditer(sql, span.start, span.end))
        elif span.kind is SpanKind.QUOTED:
            yield "''"


def without_semicolon(sql: str, dialect: Dialect) -> str:
    """`sql` without the semicolons, and what comments may follow them, at its end."""
    for span in reversed(list(scan(sql, dialect))):
        text = sql[span.start : span.end].rstrip()
        if span.kind is SpanKind.COMMENT or not text:
            continue
        ends = span.kind is SpanKind.CODE and text.endswith(";")
        return sql[: span.start] + text.rstrip("; \n\t") if ends else sql
    return sql
