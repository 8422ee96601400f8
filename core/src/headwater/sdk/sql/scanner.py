"""Cut SQL text into code, quoted regions and comments, without understanding more of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache

from attrs import frozen

from headwater.errors import MacroError

__all__ = ["Dialect", "Span", "SpanKind", "scan", "split_arguments", "strip_comments"]

_BLOCK_MARK = re.compile(r"/\*|\*/")
_HEREDOC = re.compile(r"\$\w*\$")
_OF_NAME = re.compile(r"[\w$]")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BRACKET_QUOTES = {"[": "]", "‘": "’", "“": "”"}
_NEVER_DOUBLED = "‘“"


class SpanKind(StrEnum):
    """What a part of a text is."""

    CODE = "code"
    QUOTED = "quoted"
    COMMENT = "comment"


@frozen
class Span:
    """Part of a text: `text[start:end]`."""

    kind: SpanKind
    start: int
    end: int


@frozen
class Dialect:
    """What quotes and comments look like.

    `quotes`: what opens a quoted region. A `[` among them is closed by `]` (MariaDB's mode MSSQL), and `‘` or
    `“` by `’` or `”`, which nothing escapes (ClickHouse).
    `backslash_escapes`: those of the quotes within which a backslash takes the meaning of what follows it.
    `dash_needs_space`: `--` starts a comment only before white space or the end (MySQL).
    `heredocs`: `$tag$ … $tag$` quotes (ClickHouse, PostgreSQL).
    `escape_strings`: backslashes escape in `E'…'` (PostgreSQL, DuckDB).
    `line_ends`: what ends a comment that reaches to the end of its line.
    """

    quotes: str = "'\"`"
    backslash_escapes: str = ""
    hash_comments: bool = False
    dash_needs_space: bool = False
    nested_comments: bool = False
    heredocs: bool = False
    escape_strings: bool = False
    line_ends: str = "\n"


def scan(sql: str, dialect: Dialect) -> Iterator[Span]:
    """The spans of `sql` in order, without gaps. An unclosed quote or comment reaches to the end."""
    opening = _patterns(dialect).opening
    position = code_start = 0
    while match := opening.search(sql, position):
        start = match.start()
        end, kind = _region(sql, start, code_start, dialect)
        if end == start:
            position = start + 1
            continue
        if code_start < start:
            yield Span(SpanKind.CODE, code_start, start)
        yield Span(kind, start, end)
        position = code_start = end
    if code_start < len(sql):
        yield Span(SpanKind.CODE, code_start, len(sql))


def strip_comments(sql: str, dialect: Dialect) -> str:
    """`sql` with each comment replaced by one space, so that words do not grow together.

    Behind `--` that starts no comment yet, an empty comment stays in the space's place.
    """
    kept: list[str] = []
    for span in scan(sql, dialect):
        if span.kind is not SpanKind.COMMENT:
            kept.append(sql[span.start : span.end])
        else:
            kept.append("/**/" if dialect.dash_needs_space and kept and kept[-1].endswith("--") else " ")
    return "".join(kept)


def split_arguments(sql: str, opening: int, dialect: Dialect) -> tuple[list[str], int]:
    """The arguments of the bracket at `sql[opening]` and the position behind its closing bracket.

    Commas and brackets inside strings, comments and inner brackets do not count. Arguments are stripped;
    `()` has none. Raises MacroError if the bracket is never closed.
    """
    expected = [_CLOSING[sql[opening]]]
    arguments: list[str] = []
    start = position = code_start = opening + 1
    while match := _patterns(dialect).structure.search(sql, position):
        position = match.start()
        end, _ = _region(sql, position, code_start, dialect)
        if end > position:
            position = code_start = end
            continue
        character = sql[position]
        if character in _CLOSING:
            expected.append(_CLOSING[character])
        elif character == expected[-1]:
            expected.pop()
            if not expected:
                arguments.append(sql[start:position].strip())
                return ([] if arguments == [""] else arguments), position + 1
        elif character == "," and len(expected) == 1:
            arguments.append(sql[start:position].strip())
            start = position + 1
        position += 1
    raise MacroError("failed to parse macro arguments (missing close bracket?)")


def _region(sql: str, position: int, code_start: int, dialect: Dialect) -> tuple[int, SpanKind]:
    """The end and kind of the quoted region or comment that starts here; `position` itself if none does.

    All is code between `code_start` and here.
    """
    character = sql[position]
    if character in dialect.quotes:
        escapes = character in dialect.backslash_escapes or (
            dialect.escape_strings and character == "'" and _is_escape_mark(sql, position - 1, code_start)
        )
        return _quoted_end(sql, position, escapes), SpanKind.QUOTED
    if sql.startswith("/*", position):
        return _block_comment_end(sql, position, dialect.nested_comments), SpanKind.COMMENT
    if sql.startswith("--", position) and _dash_is_comment(sql, position, dialect):
        return _line_end(sql, position, dialect), SpanKind.COMMENT
    if character == "#" and dialect.hash_comments:
        return _line_end(sql, position, dialect), SpanKind.COMMENT
    if character == "$" and dialect.heredocs and (tag := _heredoc(sql, position, code_start)):
        close = sql.find(tag[0], tag.end())
        return (len(sql) if close < 0 else close + len(tag[0])), SpanKind.QUOTED
    return position, SpanKind.CODE


def _quoted_end(sql: str, position: int, escapes: bool) -> int:
    match = _quoted(sql[position], escapes).match(sql, position + 1)
    return match.end() if match else len(sql)


def _is_escape_mark(sql: str, position: int, code_start: int) -> bool:
    """Whether an `E` that is no name's last letter stands here."""
    return position >= code_start and sql[position] in "eE" and not _ends_name(sql, position, code_start)


def _heredoc(sql: str, position: int, code_start: int) -> re.Match[str] | None:
    """The opening tag, unless the dollar belongs to a name: `a$b$` is one."""
    return None if _ends_name(sql, position, code_start) else _HEREDOC.match(sql, position)


def _ends_name(sql: str, position: int, code_start: int) -> bool:
    """Whether what stands before `position` may be of a name that goes on there."""
    return position > code_start and _OF_NAME.match(sql, position - 1) is not None


def _block_comment_end(sql: str, position: int, nested: bool) -> int:
    if not nested:
        end = sql.find("*/", position + 2)
        return len(sql) if end < 0 else end + 2
    depth = 0
    for mark in _BLOCK_MARK.finditer(sql, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)


@frozen
class _Patterns:
    """Where a region may start, and what else counts inside brackets."""

    opening: re.Pattern[str]
    structure: re.Pattern[str]
    line_end: re.Pattern[str]


@cache
def _patterns(dialect: Dialect) -> _Patterns:
    opening = "|".join([*map(re.escape, dialect.quotes), r"/\*", "--", "#", r"\$"])
    line_end = re.compile(f"[{re.escape(dialect.line_ends)}]")
    return _Patterns(re.compile(opening), re.compile(rf"{opening}|[\[\]{{}}(),]"), line_end)


@cache
def _quoted(quote: str, backslash_escapes: bool) -> re.Pattern[str]:
    """The rest of a quoted region, closing quote included; a doubled quote does not close it."""
    is_doubled = quote not in _NEVER_DOUBLED
    quote = re.escape(_BRACKET_QUOTES.get(quote, quote))
    if not is_doubled:
        return re.compile(f"[^{quote}]*+{quote}?")
    if backslash_escapes:
        return re.compile(rf"(?:[^\\{quote}]++|\\.?|{quote}{quote})*+{quote}?", re.DOTALL)
    return re.compile(rf"(?:[^{quote}]++|{quote}{quote})*+{quote}?")


def _dash_is_comment(sql: str, position: int, dialect: Dialect) -> bool:
    return not dialect.dash_needs_space or position + 2 >= len(sql) or sql[position + 2].isspace()


def _line_end(sql: str, position: int, dialect: Dialect) -> int:
    match = _patterns(dialect).line_end.search(sql, position)
    return match.start() if match else len(sql)
