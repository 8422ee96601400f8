"""Placeholders with numbers, as PostgreSQL and DuckDB have them, and in order: more of these with MySQL."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import QueryError
from headwater.sdk.sql import IN_ORDER, NUMBERED, Dialect, Parameters, Placeholders, bind, named_placeholders

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
        ("SELECT n IN ($1), n IN ($01)", [[1, 2]], "SELECT n IN ($1, $2), n IN ($1, $2)", (1, 2)),
        ("SELECT some[1 :last], n IN ($1)", [[1, 2]], "SELECT some[1 :last], n IN ($1, $2)", (1, 2)),
        ("SELECT part$1, n IN ($1)", [[1, 2]], "SELECT part$1, n IN ($1, $2)", (1, 2)),
    ],
)
def test_a_placeholder_may_be_used_repeatedly(
    sql: str, parameters: Parameters, bound: str, values: tuple[Any, ...]
) -> None:
    assert bind(sql, parameters, DIALECT, NUMBERED) == (bound, values)


@pytest.mark.parametrize(
    ("sql", "parameters", "bound", "values"),
    [
        ("SELECT ?, n IN (?), ?", [1, [2, 3], 4], "SELECT ?, n IN (?, ?), ?", (1, 2, 3, 4)),
        ("SELECT :b, n IN (:a), :b", {"a": [1, 2], "b": 3}, "SELECT ?, n IN (?, ?), ?", (3, 1, 2, 3)),
    ],
)
def test_placeholders_in_order_have_a_value_each(
    sql: str, parameters: Parameters, bound: str, values: tuple[Any, ...]
) -> None:
    assert bind(sql, parameters, DIALECT, IN_ORDER) == (bound, values)


@pytest.mark.parametrize("placeholders", [IN_ORDER, NUMBERED])
@pytest.mark.parametrize(("kind", "value"), [("text", "x"), ("integer", 1), ("number", 0.5)])
def test_what_plugins_promise_of_their_parameters_is_bound(
    kind: str, value: Any, placeholders: Placeholders
) -> None:
    promised = named_placeholders()
    for placeholder, given in ((promised[kind], value), (promised[f"{kind}[]"], [value])):
        text, values = bind(f"SELECT {placeholder}", {"name": given}, DIALECT, placeholders)
        assert (text, values) == (f"SELECT {placeholders.example}", (value,))


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT $1", {"a": 1}, r"the statement has \$1 placeholders: give a list, or use :name"),
        ("SELECT :a", {"b": 2}, "the placeholder :a has no value"),
        ("SELECT :a", {"a": 1, "b": 2}, "no placeholder :b"),
        ("SELECT $1", [[1], 2], r"has 1 placeholder\(s\), but 2 value"),
        ("SELECT n IN ($1), $2, $0", [[1], 2], r"the placeholder \$0 has no value"),
        ("SELECT n IN ($1)", [[]], r"^a list in params is empty; leave its condition out"),
    ],
)
def test_what_does_not_fit_says_why(sql: str, parameters: Parameters, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(sql, parameters, DIALECT, Placeholders(numbered=True, no_values=""))


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT n IN (?), ?, ?", [[1, 2]], r"has 3 placeholder\(s\), but 1 value"),
        ("SELECT :a", {"b": 2}, "the placeholder :a has no value"),
    ],
)
def test_what_does_not_fit_in_order_says_why(sql: str, parameters: Parameters, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(sql, parameters, DIALECT, IN_ORDER)


def test_a_number_beyond_the_parameters_takes_no_value_of_a_list() -> None:
    """The list makes three placeholders of one, so the database would know a third."""
    with pytest.raises(QueryError, match=r"the placeholder \$3 has no value"):
        bind("SELECT n IN ($2), $3", [1, [5, 6, 7]], DIALECT, NUMBERED)
