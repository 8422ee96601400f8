"""Values for the placeholders `${name}` of an expression. PromQL binds none, so here is how each is written.

Where a placeholder stands decides: after `=~` and `!~` a value matches itself and nothing else, and a list
any of its items; after `=` and `!=` it is a label's value; within `[ ]` and after `offset` a number is a
duration in seconds; anywhere else numbers, times (unix seconds) and strings are literals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from headwater.errors import QueryError

from .filters import regex_quote
from .naming import quote
from .steps import go_duration

_PART = re.compile(
    r"""
      (?P<string>  "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` )
    | (?P<open>    ["'`] )
    | (?P<comment> \#[^\n]* )
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* ) \}
    """,
    re.VERBOSE | re.DOTALL,
)
_MATCHES = re.compile(r"[=!]~\s*\Z")
_EQUALS = re.compile(r"!?=\s*\Z")
_OFFSET = re.compile(r"\boffset\s+-?\s*\Z", re.IGNORECASE)
_NOTHING = r"[^\x00-\x{10FFFF}]"
"""A regular expression that matches no text: what an empty list says."""


def bind(expr: str, params: Mapping[str, Any]) -> str:
    """`expr` with the values of `params` as literals.

    Raises QueryError for a placeholder without a value or in quotes, a value without a placeholder, and one
    that has no meaning where it stands.
    """
    if not params:
        return expr
    binder = _Binder(params)
    bound = _PART.sub(binder.fill, expr)
    if unused := sorted(params.keys() - binder.used):
        raise QueryError(f"The expression has no placeholder ${{{unused[0]}}}.")
    return bound


class _Binder:
    """Goes through one expression, from its beginning to its end."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._end = 0
        self._braces = self._brackets = 0
        self.used: set[str] = set()

    def fill(self, match: re.Match[str]) -> str:
        before = match.string[self._end : match.start()]
        self._end = match.end()
        self._braces += before.count("{") - before.count("}")
        self._brackets += before.count("[") - before.count("]")
        if match["open"]:
            raise QueryError(
                f"The string at character {match.start() + 1} of the expression is never closed."
            )
        if match["string"]:
            self._refuse_in_quotes(match["string"])
        name = match["name"]
        if name is None:
            return match[0]
        if name not in self._params:
            raise QueryError(f"The placeholder ${{{name}}} has no value in params.")
        self.used.add(name)
        return self._literal(name, self._params[name], before)

    def _refuse_in_quotes(self, text: str) -> None:
        for name in self._params:
            if f"${{{name}}}" in text:
                raise QueryError(f"Take the quotes off ${{{name}}}: its value brings its own.")

    def _literal(self, name: str, value: Any, before: str) -> str:
        if self._braces and _MATCHES.search(before):
            values = value if isinstance(value, list | tuple) else (value,)
            return quote("|".join(regex_quote(_label_value(name, each)) for each in values) or _empty(values))
        if isinstance(value, list | tuple):
            raise QueryError(f"${{{name}}} is a list: it can only follow =~ or !~.")
        if self._braces and _EQUALS.search(before):
            return quote(_label_value(name, value))
        if self._brackets or _OFFSET.search(before):
            return _duration(name, value)
        return _scalar(name, value)


def _empty(values: Any) -> str:
    return "" if values else _NOTHING


def _label_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise QueryError(f"${{{name}}} is no value of a label.")


def _duration(name: str, value: Any) -> str:
    milliseconds = round(value * 1000) if _is_number(value) and abs(value) < 1e12 else 0
    if milliseconds < 1:
        raise QueryError(f"${{{name}}} stands for a duration: give a number of seconds, at least 0.001.")
    return go_duration(milliseconds)


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.timestamp():.3f}"
    if isinstance(value, str):
        return quote(value)
    if _is_number(value):
        return f"({value!r})" if value < 0 else repr(value)
    raise QueryError(f"${{{name}}} is a {type(value).__name__}, which PromQL has not.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
