"""Take a statement apart at its top-level clauses, for macros that rewrite it."""

from __future__ import annotations

import re

from attrs import frozen

from headwater.errors import MacroError
from headwater.sdk.sql import SpanKind, scan
from headwater_clickhouse.dialect import DIALECT

_FIELDS = {
    "FROM": "source",
    "WHERE": "where",
    "GROUP BY": "group_by",
    "HAVING": "having",
    "ORDER BY": "order_by",
    "LIMIT": "limit",
    "SETTINGS": "settings",
}
_ORDER = tuple(_FIELDS)
_KEYWORD = re.compile(r"\b(?:WHERE|GROUP\s+BY|HAVING|ORDER\s+BY|LIMIT|SETTINGS)\b", re.IGNORECASE)
_FROM = re.compile(r"\s*FROM\b", re.IGNORECASE)
_HIDDEN = "\0"


@frozen
class Clauses:
    """What follows a macro. Each clause keeps its keyword as written; `where` is the condition alone."""

    source: str
    where: str = ""
    group_by: str = ""
    having: str = ""
    order_by: str = ""
    limit: str = ""
    settings: str = ""


def read_clauses(text: str, macro: str) -> Clauses:
    """The clauses of `text`, which starts with FROM. Raises MacroError, also for clauses out of order."""
    plain = top_level(text)
    if not _FROM.match(plain):
        raise MacroError(f"${macro} must be followed by FROM")
    found: list[tuple[str, int, int]] = [("FROM", 0, 0)]
    for match in _KEYWORD.finditer(plain):
        name = " ".join(match[0].upper().split())
        last = found[-1][0]
        if name == last and name == "LIMIT":  # LIMIT 1 BY host LIMIT 10
            continue
        if _ORDER.index(name) <= _ORDER.index(last):
            raise MacroError(f"${macro}: {name} must not follow {last}")
        found.append((name, match.start(), match.end()))
    ends = [start for _, start, _ in found[1:]] + [len(text)]
    return Clauses(
        **{
            _FIELDS[name]: text[after if name == "WHERE" else start : end].strip()
            for (name, start, after), end in zip(found, ends, strict=True)
        }
    )


def top_level(sql: str) -> str:
    """`sql` with everything in quotes, comments and brackets blanked out; positions stay."""
    shown: list[str] = []
    depth = 0
    for span in scan(sql, DIALECT):
        if span.kind is not SpanKind.CODE:
            shown.append(_HIDDEN * (span.end - span.start))
            continue
        for character in sql[span.start : span.end]:
            depth -= character in ")]}" and depth > 0
            shown.append(_HIDDEN if depth else character)
            depth += character in "([{"
    return "".join(shown)
