"""Values of server-side parameters `{name:Type}`, in the escaped text form that ClickHouse reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from headwater.errors import ValidationError

from .dialect import quote_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\0": "\\0"}
)


def encode_parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Raises ValidationError for a name that is no identifier, or a value of another kind."""
    for name in values:
        if not _NAME.fullmatch(name):
            raise ValidationError("a parameter's name is an identifier", path=f"params.{name}")
    return {name: _top_level(value, f"params.{name}") for name, value in values.items()}


def _top_level(value: Any, path: str) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool | int | float | Decimal | date | UUID):
        return _plain(value, path)
    return _literal(value, path)


def _literal(value: Any, path: str) -> str:
    """`value` as an SQL literal, inside an array, tuple or map."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float | Decimal):
        return _plain(value, path)
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, date | UUID):
        return quote_text(_plain(value, path))
    if isinstance(value, Mapping):
        items = (f"{_literal(k, path)}:{_literal(v, path)}" for k, v in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(_literal(item, path) for item in value) + ")"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join(_literal(item, path) for item in value) + "]"
    raise ValidationError(f"a value of type {type(value).__name__} cannot be a parameter", path=path)


def _plain(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.tzinfo is None else _moment(value, path)
    return str(value)


def _moment(value: datetime, path: str) -> str:
    """Seconds since 1970: a zone cannot be written, and the server reads a time without one in its own.

    It takes four digits or fewer for a year, and loses the sign of what has no whole second.
    """
    microseconds = (value - _EPOCH) // timedelta(microseconds=1)
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    if microseconds < 0 and not seconds:
        raise ValidationError("ClickHouse takes no moment of the last second before 1970", path=path)
    return f"{'-' if microseconds < 0 else ''}{seconds:010}" + (f".{rest:06}" if rest else "")
