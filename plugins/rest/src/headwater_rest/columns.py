"""From rows to Arrow: columns as declared, or inferred from the first rows, then fixed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from functools import partial
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
from attrs import evolve, frozen

from headwater.errors import DownstreamProtocolError
from headwater.sdk.http import excerpt

from .column_types import DECIMAL, EPOCHS, NUMBERS, TIMES
from .selectors import plain_names, select
from .settings import Column

Values: TypeAlias = list[Any]
_MOST_COLUMNS = 2000
_PADDED = re.compile(r"[+-]?0\d")
_LONG = re.compile(r"[+-]?\d{16,}")
_MISFITS = (pa.ArrowException, ValueError, TypeError, OverflowError, DecimalException, RecursionError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_JSON = msgspec.json.Encoder(decimal_format="number")


@frozen
class ColumnReader:
    """Takes one column's values from rows."""

    column: Column
    type: pa.DataType
    get: Callable[[Any], Any]
    convert: Callable[[Values], pa.Array]
    needs_objects: bool

    def read(self, rows: Sequence[Any], first_row: int) -> pa.Array:
        """Raises DownstreamProtocolError, with row (from 1) and column, for a value that does not fit."""
        values = [self.get(row) for row in rows]
        try:
            return self.convert(values)
        except _MISFITS as error:
            for number, value in enumerate(values, first_row + 1):
                try:
                    self.convert([value])
                except _MISFITS as misfit:
                    shown = excerpt(msgspec.json.encode(value)[:120].decode("utf-8", "replace"))
                    raise DownstreamProtocolError(
                        f"Row {number}, column {self.column.name!r}: {shown} does not fit the type "
                        f"{_type_name(self.column)}. Give the column another type; json takes all."
                    ) from misfit
            raise DownstreamProtocolError(
                f"The values of column {self.column.name!r} do not fit the type {_type_name(self.column)}."
            ) from error


def readers_of(
    columns: Sequence[Column], sample: Sequence[Any], *, of_text: bool
) -> tuple[ColumnReader, ...]:
    """Readers of `columns`, or of the keys in `sample` if there are none; types not given are inferred.

    `of_text`: all values are text, as in CSV.
    """
    infer = _type_of_text if of_text else _type_of_json
    inferred = columns or [Column(name=name) for name in _keys(sample)]
    readers = []
    for column in inferred:
        get, by_key = _getter(column)
        typed = column if column.type else evolve(column, type=infer([get(row) for row in sample]))
        readers.append(ColumnReader(typed, arrow_type(typed.type), get, _converter(typed), by_key))
    return tuple(readers)


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a column type's name. Times are in UTC."""
    if name in TIMES:
        return pa.timestamp(TIMES[name], "UTC")
    if decimal := DECIMAL.fullmatch(name):
        return pa.decimal128(int(decimal["precision"]), int(decimal["scale"]))
    if name == "json":
        return pa.json_()
    return pa.type_for_alias(name)


def schema_of(readers: Sequence[ColumnReader]) -> pa.Schema:
    return pa.schema([pa.field(reader.column.name, reader.type) for reader in readers])


def _keys(sample: Sequence[Any]) -> list[str]:
    found: dict[str, None] = {}
    for number, row in enumerate(sample, 1):
        if not isinstance(row, Mapping):
            raise DownstreamProtocolError(
                f"Row {number} is not an object but {_kind(row)}: give the endpoint columns, such as "
                "{name: value, path: '@'}, or a dataSelector that finds objects."
            )
        found.update(dict.fromkeys(row))
    if len(found) > _MOST_COLUMNS:
        raise DownstreamProtocolError(
            f"The first rows have {len(found):,} different keys; give the endpoint columns."
        )
    return list(found)


def _getter(column: Column) -> tuple[Callable[[Any], Any], bool]:
    """What takes the column's value from a row, and whether the row has to be an object."""
    names = plain_names(column.path) if column.path else [column.name]
    if names is None:
        return partial(select, column.path), False
    return (partial(_get_key, names[0]) if len(names) == 1 else partial(_get_path, names)), True


def _get_key(name: str, row: Any) -> Any:
    return row.get(name) if isinstance(row, dict) else None


def _get_path(names: Sequence[str], row: Any) -> Any:
    for name in names:
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


# --- which type --------------------------------------------------------------------------------------


def _type_of_json(values: Values) -> str:
    """`json` for what is mixed, nested, or never there: it takes all that may follow."""
    values = [value for value in values if value is not None]
    kinds = set(map(type, values))
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return next((name for name in ("int64", "uint64") if _fits(name, values)), "json")
    if kinds and kinds <= {int, float, Decimal}:
        return "float64"
    if kinds == {str}:
        return "timestamp" if all(map(_is_moment, values)) else "string"
    return "json"


def _type_of_text(values: Values) -> str:
    """`string` for numbers that would lose something, such as those of articles and accounts: 0042."""
    values = [value for value in values if value is not None]
    if not values:
        return "string"
    if _fits("float64", values):
        lossless = not any(map(_PADDED.match, values))
        whole = next((name for name in ("int64", "uint64") if lossless and _fits(name, values)), None)
        return whole or ("float64" if lossless and not any(map(_LONG.fullmatch, values)) else "string")
    if _fits("bool", values):
        return "bool"
    return "timestamp" if all(map(_is_moment, values)) else "string"


def _fits(name: str, values: Values) -> bool:
    try:
        _converter(Column(name="", type=name))(values)
    except _MISFITS:
        return False
    return True


def _is_moment(text: str) -> bool:
    """Whether it is a date and time with an offset (RFC 3339); others may be anybody's local time."""
    if len(text) < 20 or text[4] != "-" or text[10] not in "Tt ":
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


# --- values ------------------------------------------------------------------------------------------


def _converter(column: Column) -> Callable[[Values], pa.Array]:
    kind, type_ = column.type, arrow_type(column.type)
    if kind in NUMBERS or kind == "bool":
        return partial(_scalars, type_)
    if kind in TIMES:
        return partial(_times, column.format or "iso", TIMES[kind])
    if kind == "json":
        return _json_texts
    if kind == "date32":
        return lambda values: pa.array(values, pa.string()).cast(type_)
    if kind == "string":
        return lambda values: pa.array(values, type_)
    return lambda values: pa.array([_decimal(value) for value in values], type_)


def _scalars(type_: pa.DataType, values: Values) -> pa.Array:
    """Numbers, or true and false; exact, and from text too."""
    if all(type(value) is int or value is None for value in values):
        return pa.array(values, type_ if not pa.types.is_boolean(type_) else pa.bool_())
    found = pa.array(values)
    if pa.types.is_boolean(found.type) != pa.types.is_boolean(type_) and not pa.types.is_string(found.type):
        raise TypeError("numbers are not true or false")
    return found.cast(type_)


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("no decimal number")
    return Decimal(value)


def _json_texts(values: Values) -> pa.Array:
    texts = [None if value is None else _JSON.encode(value).decode() for value in values]
    return pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))


def _times(form: str, unit: str, values: Values) -> pa.Array:
    target = pa.timestamp(unit, "UTC")
    if (per_second := _PER_SECOND.get(EPOCHS.get(form, ""))) is not None:
        wanted = _PER_SECOND[unit]
        return pa.array([_scaled(value, per_second, wanted) for value in values], pa.int64()).cast(target)
    if form == "iso":
        texts = pa.array(values, pa.string())
        for written in (target, pa.timestamp(unit)):  # all with an offset, or none
            try:
                return texts.cast(written).cast(target)
            except pa.ArrowInvalid:
                continue
        # Some have an offset, or more digits, or are no time at all.
        return pa.array([value and _moment(value, unit, datetime.fromisoformat) for value in values], target)
    parse: Callable[[str], datetime] = lambda text: datetime.strptime(text, form)  # noqa: E731, DTZ007
    return pa.array([value and _moment(value, unit, parse) for value in values], target)


def _moment(text: Any, unit: str, parse: Callable[[str], datetime]) -> datetime:
    """A time without an offset is one of UTC. Digits beyond `unit` are dropped."""
    if not isinstance(text, str):
        raise TypeError("no text")
    found = parse(text)
    aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if unit == "s":
        return aware.replace(microsecond=0)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000) if unit == "ms" else aware


def _scaled(value: Any, per_second: int, wanted: int) -> int | None:
    """A number of one unit in another one, rounded down; exact for whole numbers."""
    if value is None:
        return None
    number = _decimal(str(value) if isinstance(value, float) else value)
    assert number is not None
    return int(number * wanted // per_second)


def _type_name(column: Column) -> str:
    return f"{column.type} ({column.format})" if column.format else column.type


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
