"""Values of server-side parameters `{name:Type}`, in the escaped text form that ClickHouse reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from headwater.errors import ValidationError

from .dialect import quote_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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
        return _plain(value)
    return _literal(value, path)


def _literal(value: Any, path: str) -> str:
    """`value` as an SQL literal, inside an array, tuple or map."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float | Decimal):
        return _plain(value)
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, date | UUID):
        return quote_text(_plain(value))
    if isinstance(value, Mapping):
        items = (f"{_literal(k, path)}:{_literal(v, path)}" for k, v in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(_literal(item, path) for item in value) + ")"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join(_literal(item, path) for item in value) + "]"
    raise ValidationError(f"a value of type {type(value).__name__} cannot be a parameter", path=path)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # A zone cannot be written; the server reads a time without one in its own, so send UTC seconds.
        if value.tzinfo is not None:
            seconds = value.astimezone(UTC).timestamp()
            return f"{seconds:.6f}".rstrip("0").rstrip(".")
        return value.isoformat(sep=" ")
    return str(value)
