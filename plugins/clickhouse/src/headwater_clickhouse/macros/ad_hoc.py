"""Macros that Grafana's front end expands; without one, the server does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from headwater.errors import MacroError
from headwater.sdk.sql import MacroCall, split_arguments
from headwater_clickhouse.dialect import DIALECT, quote_text
from headwater_clickhouse.query_model import AdHocFilter

from .expressions import Expansion
from .scope import Scope

_OPERATORS = {"=~": "REGEXP", "!~": "NOT REGEXP"}
_PLAIN_OPERATORS = frozenset(
    {
        "=",
        "!=",
        "<>",
        "<",
        ">",
        "<=",
        ">=",
        "IN",
        "NOT IN",
        "LIKE",
        "NOT LIKE",
        "ILIKE",
        "NOT ILIKE",
        "IS",
        "IS NOT",
    }
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_MAP_KEY = re.compile(r"([A-Za-z_][\w.]*)\[\s*('(?:[^'\\]|\\.)*')\s*\]")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.|"")*)"', re.DOTALL)
_SPECIAL = re.compile(r"\\.|'|\"\"", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?(\w+)")


def _ad_hoc_filters(call: MacroCall, scope: Scope) -> str:
    """`additional_table_filters={…}`: for use within SETTINGS. Each argument is a quoted table name."""
    tables = call.arguments or ()
    if not tables:
        raise MacroError(
            "unexpected number of arguments: $__adHocFilters expected at least 1 argument(s), received 0"
        )
    if not all(len(table) > 2 and table[0] == table[-1] == "'" for table in tables):
        raise MacroError("$__adHocFilters expects table names in single quotes")
    condition = " AND ".join(_condition(item) for item in scope.ad_hoc_filters)
    if not condition:
        return "additional_table_filters={}"
    filters = ", ".join(f"{table}: {quote_text(condition)}" for table in tables)
    return f"additional_table_filters={{{filters}}}"


def _condition(item: AdHocFilter) -> str:
    """`key operator value` in SQL. Everything that comes from outside is quoted or checked."""
    operator = item.operator.upper()
    if item.operator in _OPERATORS:
        return f"{_key(item.key)} {_OPERATORS[item.operator]} {quote_text(item.value)}"
    if operator not in _PLAIN_OPERATORS:
        raise MacroError(f"the ad hoc filter on {item.key!r} has an unknown operator {item.operator!r}")
    if operator in {"IS", "IS NOT"}:
        if item.value.strip().upper() != "NULL":
            raise MacroError(f"the ad hoc filter on {item.key!r} can only be compared with NULL")
        return f"{_key(item.key)} {operator} NULL"
    if operator in {"IN", "NOT IN"}:
        return f"{_key(item.key)} {operator} ({', '.join(_list_items(item.value))})"
    return f"{_key(item.key)} {operator} {quote_text(item.value)}"


def _key(key: str) -> str:
    """A column, `table.column`, or a map's key `column['key']`; a leading table is dropped by the server."""
    if match := _MAP_KEY.fullmatch(key):
        return f"{match[1]}[{match[2]}]"
    if not _NAME.fullmatch(key):
        raise MacroError(f"the ad hoc filter's key {key!r} is not a column")
    return key


def _list_items(value: str) -> list[str]:
    """The items of `('a', 'b')` or `a,b`, each as a literal."""
    text = value.strip()
    if text.startswith("("):
        items, _ = split_arguments(text, 0, DIALECT)
    else:
        items = [item.strip() for item in text.split(",")]
    return [_literal(item) for item in items]


def _literal(item: str) -> str:
    """One literal, whatever `item` is. A quoted one keeps its escapes, which are the server's to read."""
    if _LITERAL.fullmatch(item):
        return item
    if match := _DOUBLE_QUOTED.fullmatch(item):
        inner = _SPECIAL.sub(lambda part: {"'": "\\'", '""': '"'}.get(part[0], part[0]), match[1])
        return f"'{inner}'"
    return quote_text(item)


def _conditional_all(call: MacroCall, scope: Scope) -> str:
    """The condition, or `1=1` when the variable stands for all values."""
    condition, variable = call.expect(2)
    named = _VARIABLE.search(variable)
    if named is None:
        raise MacroError("$__conditionalAll expects a variable such as $host as its second argument")
    return "1=1" if _is_all(scope.variables.get(named[1])) else condition


def _is_all(value: object) -> bool:
    if isinstance(value, list | tuple):
        return not value or any(_is_all(item) for item in value)
    return value in ("", "$__all")


FILTER_MACROS: Mapping[str, Expansion] = MappingProxyType(
    {"__adHocFilters": _ad_hoc_filters, "__conditionalAll": _conditional_all}
)
