"""Placeholders with numbers, as PostgreSQL and DuckDB have them. Those in order are tested with MySQL."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import QueryError
from headwater.sdk.sql import NUMBERED, Dialect, Parameters, Placeholders, bind

DIALECT = Dialect(quotes="'\"", heredocs=True)


@pytest.mark.parametrize(
    ("sql", "parameters", "bound", "values"),
    [
        ("SELECT $1, $2, $1", [1, "x"], "SELECT $1, $2, $1", (1, "x")),
        ("SELECT :b, :a, :b", {"a": 1, "b": 2}, "SELECT $1, $2, $1", (2, 1)),
        ("SELECT n IN ($1), $2", [[1, 2], 3], "SELECT n IN ($1, $2), $3", (1, 2, 3)),
        ("SELECT n IN (:some)", {"some": [1, 2]}, "SELECT n IN ($1, $2)", (1, 2)),
        ("SELECT :a::int, x::date", {"a": 1}, "SELECT $1::int, x::date", (1,)),
        ("SELECT ':a', $$ :a $$, :a -- :a", {"a": 1}, "SELECT ':a', $$ :a $$, $1 -- :a", (1,)),
        ("SELECT n IN (:some)", {"some": []}, "SELECT n IN (SELECT NULL WHERE FALSE)", ()),
    ],
)
def test_a_placeholder_may_be_used_repeatedly(
    sql: str, parameters: Parameters, bound: str, values: tuple[Any, ...]
) -> None:
    assert bind(sql, parameters, DIALECT, NUMBERED) == (bound, values)


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT $1", {"a": 1}, "give a list, or use :name"),
        ("SELECT :a", {"b": 2}, "the placeholder :a has no value"),
        ("SELECT :a", {"a": 1, "b": 2}, "no placeholder :b"),
        ("SELECT $1", [[1], 2], r"has 1 placeholder\(s\), but 2 value"),
        ("SELECT n IN ($1)", [[]], "is empty"),
    ],
)
def test_what_does_not_fit_says_why(sql: str, parameters: Parameters, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(sql, parameters, DIALECT, Placeholders(numbered=True, no_values=""))
