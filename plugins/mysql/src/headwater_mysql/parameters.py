"""Parameters by position or by name, some of them lists, as the `?` placeholders that servers know."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, SpanKind, scan
from headwater_mysql.dialect import DEFAULT

Parameters = Sequence[Any] | Mapping[str, Any]

_NAMED: Final = re.compile(r"(?<![:\w@$.]):([^\W\d]\w*)|\?")
_POSITIONAL: Final = re.compile(r"\?")
_NO_VALUES: Final = "SELECT NULL FROM DUAL WHERE FALSE"
"""What an empty list becomes within `IN ( )`: without rows, nothing is in it and everything is not in it."""


def bind(sql: str, parameters: Parameters, dialect: Dialect = DEFAULT) -> tuple[str, tuple[Any, ...]]:
    """`sql` with a `?` for each single value, and these values in order.

    A mapping fills `:name` placeholders, a sequence those that are `?`; a list fills one placeholder with all
    its values, as in `IN (:ids)`. Raises QueryError for a placeholder without a value, or the reverse.
    """
    if isinstance(parameters, Mapping):
        return _bind_named(sql, parameters, dialect)
    if not any(_is_list(value) for value in parameters):
        return sql, tuple(parameters)
    return _bind_positional(sql, parameters, dialect)


def _bind_named(sql: str, parameters: Mapping[str, Any], dialect: Dialect) -> tuple[str, tuple[Any, ...]]:
    values: list[Any] = []
    used: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            raise QueryError(
                "params has names, but the statement has ? placeholders: give a list, or use :name"
            )
        if name not in parameters:
            raise QueryError(f"the placeholder :{name} has no value in params")
        used.add(name)
        return _fill(parameters[name], values)

    bound = _replace(_NAMED, sql, fill, dialect)
    if unused := sorted(set(parameters) - used):
        raise QueryError(f"the statement has no placeholder :{unused[0]}")
    return bound, tuple(values)


def _bind_positional(sql: str, parameters: Sequence[Any], dialect: Dialect) -> tuple[str, tuple[Any, ...]]:
    values: list[Any] = []
    left = iter(parameters)
    count = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return _fill(value, values) if (value := next(left, left)) is not left else match[0]

    bound = _replace(_POSITIONAL, sql, fill, dialect)
    if count != len(parameters):
        raise QueryError(f"the statement has {count} placeholder(s), but {len(parameters)} value(s) came")
    return bound, tuple(values)


def _replace(
    pattern: re.Pattern[str], sql: str, fill: Callable[[re.Match[str]], str], dialect: Dialect
) -> str:
    """Placeholders of the code; strings, names in quotes and comments stay as they are."""
    parts = ((span.kind, sql[span.start : span.end]) for span in scan(sql, dialect))
    return "".join(pattern.sub(fill, text) if kind is SpanKind.CODE else text for kind, text in parts)


def _fill(value: Any, values: list[Any]) -> str:
    if not _is_list(value):
        values.append(value)
        return "?"
    values.extend(value)
    return ", ".join("?" * len(value)) or _NO_VALUES


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
