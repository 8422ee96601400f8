"""Between filters that a data source may apply, and the filter of an Arrow scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, get_args

from headwater.errors import QueryError
from headwater.models import Filter, FilterOperator

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

__all__ = ["expression_of", "filters_of"]

_MOST_DIGITS = 76
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARISON = re.compile(
    r"\((?P<column>[A-Za-z_][A-Za-z0-9_]*) (?P<operator>==|!=|<=|>=|<|>) "
    r"(?:(?P<integer>-?\d+)|\"(?P<text>[A-Za-z0-9_ .:/-]*)\""
    r"|(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?Z?))\)"
)


def filters_of(expression: pc.Expression | None, schema: pa.Schema) -> Sequence[Filter]:
    """Conditions that hold for every row that `expression` lets through: the comparisons among the terms of
    its conjunction, as far as their text can be read without doubt."""
    if expression is None or not all(_NAME.fullmatch(name) for name in schema.names):
        return ()
    return [each for each in _terms(str(expression)) if each.column in schema.names]


def expression_of(filters: Iterable[Filter], schema: pa.Schema | None = None) -> pc.Expression | None:
    """The conjunction of `filters`, for the rows of a reader; None without any.

    With the `schema` of the rows, numbers of whatever types are compared exactly. Raises QueryError for a
    value that its column cannot be compared with, and for an operator that does not exist.
    """
    import pyarrow.compute as pc

    terms = [
        _term(each, pc.field(each.column)) if schema is None else _typed_term(each, schema)
        for each in filters
    ]
    return reduce(lambda left, right: left & right, terms) if terms else None


def _terms(text: str) -> list[Filter]:
    if match := _COMPARISON.fullmatch(text):
        return [_comparison(match)]
    split = _conjunction(text)
    return [] if split is None else [*_terms(split[0]), *_terms(split[1])]


def _conjunction(text: str) -> tuple[str, str] | None:
    """Both sides of `(… and …)`; None for anything else, and for texts with escapes in them."""
    if not text.startswith("(") or "\\" in text:
        return None
    depth, quoted = 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "()[]{}":
            depth += 1 if character in "([{" else -1
        if depth == 1 and not quoted and text.startswith(" and ", position):
            return text[1:position], text[position + 5 : -1]
    return None


def _comparison(match: re.Match[str]) -> Filter:
    operator: Any = {"==": "="}.get(match["operator"], match["operator"])
    value: Any
    if match["integer"] is not None:
        value = int(match["integer"])
    elif match["text"] is not None:
        value = match["text"]
    else:
        moment = datetime.fromisoformat(match["time"].removesuffix("Z"))
        value = moment.replace(tzinfo=UTC) if match["time"].endswith("Z") else moment
    return Filter(match["column"], operator, value)


def _typed_term(each: Filter, schema: pa.Schema) -> pc.Expression:
    import pyarrow as pa

    kind = schema.field(each.column).type
    try:
        term = _exact_term(each, kind)
        schema.empty_table().filter(term)
    except (pa.ArrowException, OverflowError):
        raise QueryError(
            f"Column {each.column!r} is {kind}, which cannot be compared with {each.value!r}."
        ) from None
    return term


def _exact_term(each: Filter, kind: pa.DataType) -> pc.Expression:
    """Numbers as the column's type, or both as one that holds both. Arrow's own choice for an integer and a
    decimal, or for integers with and without a sign, is too narrow for some of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.field(each.column)
    values = each.value if each.operator == "in" else (each.value,)
    whole, exact = pa.types.is_integer(kind), pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if whole and any(isinstance(value, float) for value in values):
        return _term(each, column.cast(pa.float64(), safe=False))
    if not exact or not all(type(value) in (int, Decimal) for value in values):
        return _term(each, column)
    try:
        return _term(each, column, kind)
    except (pa.ArrowException, OverflowError):
        digits = [-int(Decimal(value).as_tuple().exponent) for value in values]
        wide = pa.decimal256(_MOST_DIGITS, max(0, *digits, 0 if whole else kind.scale))
        return _term(each, column.cast(wide), wide)


def _term(each: Filter, column: pc.Expression, kind: pa.DataType | None = None) -> pc.Expression:
    """`each` on `column`, its values as `kind`, or else as what Arrow takes them for."""
    import pyarrow as pa

    def scalar(value: Any) -> pa.Scalar:
        return pa.scalar(value, kind)

    operator: str = each.operator
    match operator:
        case "is null":
            return column.is_null()
        case "is not null":
            return column.is_valid()
        case "in":
            return column.isin(pa.array(each.value, kind))
        case "=":
            return column == scalar(each.value)
        case "!=":
            return column != scalar(each.value)
        case "<":
            return column < scalar(each.value)
        case "<=":
            return column <= scalar(each.value)
        case ">":
            return column > scalar(each.value)
        case ">=":
            return column >= scalar(each.value)
    known = ", ".join(get_args(FilterOperator))
    raise QueryError(f"The operator of a filter is one of {known}, not {each.operator!r}.")
