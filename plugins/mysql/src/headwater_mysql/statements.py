"""Which statements a data source that only reads lets through.

A read-only transaction alone is not enough: `INTO OUTFILE` writes files, and FLUSH, SET GLOBAL, KILL or
SHUTDOWN change the server, with an account that may. So the statement itself is looked at before it is sent.
"""

from __future__ import annotations

import re
from typing import Final

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, SpanKind, scan, statement_tokens, statement_words
from headwater_mysql.dialect import DEFAULT
from headwater_mysql.macros import EXECUTED_COMMENT, executed_text

_READS: Final = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "HELP"})
_EXPLAINS: Final = frozenset({"EXPLAIN", "DESCRIBE", "DESC", "ANALYZE"})
_DECIDED_LATER: Final = _EXPLAINS | {"WITH"}
_RUN_BY_ANALYZE: Final = frozenset({"SELECT", "WITH"})
_FILE_WORDS: Final = frozenset({"OUTFILE", "DUMPFILE"})
_MAY_WRITE_FILES: Final = re.compile("outfile|dumpfile", re.IGNORECASE)
_AFTER_WITH: Final = frozenset({"SELECT", "VALUES", "TABLE", "UPDATE", "DELETE", "INSERT", "REPLACE"})
_EXPLAIN_OPTIONS: Final = frozenset(
    {"ANALYZE", "EXTENDED", "PARTITIONS", "FORMAT", "JSON", "TREE", "TRADITIONAL"}
)


def check_reads_only(sql: str, dialect: Dialect = DEFAULT, *, allow_calls: bool = False) -> None:
    """Raises QueryError unless `sql`, as a session of `dialect` reads it, is one statement that only reads.

    Those are SELECT, VALUES, TABLE, WITH before any of them, SHOW, DESCRIBE, HELP, EXPLAIN, and ANALYZE of a
    SELECT; CALL with `allow_calls`. The first word must stand outside of comments: what the server makes of
    `/*!99999 SELECT */` depends on its version.
    """
    words = statement_words(sql, dialect)
    if not words:
        raise QueryError("The query is empty.")
    _check_kind(words, allow_calls)
    if words[0] in _DECIDED_LATER:
        _check_nothing_is_hidden(sql, dialect)
    written = _MAY_WRITE_FILES.search(sql) and _FILE_WORDS.intersection(
        statement_tokens(executed_text(sql, dialect), dialect)
    )
    if written:
        raise QueryError(
            f"INTO {min(written)} writes a file on the server; that is not allowed here: the data source "
            "is read-only. Put a name that reads so into backticks."
        )


def _check_nothing_is_hidden(sql: str, dialect: Dialect) -> None:
    """For statements whose first word does not tell yet what they do: what does must be in plain sight, not
    in a comment that the server may execute."""
    if any(
        span.kind is SpanKind.COMMENT and EXECUTED_COMMENT.match(sql, span.start)
        for span in scan(sql, dialect)
    ):
        raise QueryError(
            "Comments that the server executes (/*! … */) are not allowed in WITH, EXPLAIN and ANALYZE: "
            "the data source is read-only."
        )


def _check_kind(words: list[str], allow_calls: bool) -> None:
    first, rest = words[0], words[1:]
    if first == "WITH":
        reads = next((word for word in rest if word in _AFTER_WITH), "") in _READS
    elif first in _EXPLAINS:
        explained = next((word for word in rest if word not in _EXPLAIN_OPTIONS), "")
        reads = explained in _RUN_BY_ANALYZE or (first != "ANALYZE" and "ANALYZE" not in rest[:3])
        if explained == "WITH":
            _check_kind(rest[rest.index("WITH") :], allow_calls)
    else:
        reads = first in _READS or (first == "CALL" and allow_calls)
    if not reads:
        setting = "allowCalls, or readOnly" if first == "CALL" else "readOnly"
        raise QueryError(
            f"{first} statements are not allowed here: the data source is read-only (setting {setting})."
        )
