"""Refuses values of settings that a schema's types, choices and bounds rule out, however kindly they are
read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headwater.errors import ValidationError

_EXPECTED = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
}


def check_values(schema: Mapping[str, Any], values: Mapping[str, Any], path: str) -> None:
    """Check each of `values` by what the object `schema` says of it.

    Null and the empty text stand for the default, and numbers and truth values may be written as text, or the
    other way round: whether a setting takes them so, its plugin knows.

    :raises ValidationError: the path of the first value that cannot be what the schema says.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    for key, value in values.items():
        others = schema.get("additionalProperties")
        described = properties.get(key, others if isinstance(others, Mapping) else {})
        _check(described, value, f"{path}.{key}" if path else key)


def _check(schema: Mapping[str, Any], value: Any, path: str) -> None:
    if value is None or value == "":
        return
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise ValidationError(f"expected one of {', '.join(map(repr, choices))}", path=path)
    wanted = schema.get("type")
    if not isinstance(wanted, str) or wanted not in _EXPECTED:
        return
    if not _CAN_BE[wanted](value):
        raise ValidationError(f"expected {_EXPECTED[wanted]}, got {_kind(value)}", path=path)
    if isinstance(value, Mapping):
        check_values(schema, value, path)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(schema.get("items") or {}, item, f"{path}[{index}]")
    elif wanted in ("integer", "number"):
        _check_bounds(schema, float(value), value, path)


def _check_bounds(schema: Mapping[str, Any], number: float, value: Any, path: str) -> None:
    if (least := schema.get("minimum")) is not None and number < least:
        raise ValidationError(f"must be at least {least}, got {value}", path=path)
    if (most := schema.get("maximum")) is not None and number > most:
        raise ValidationError(f"must be at most {most}, got {value}", path=path)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


def _is_truth_value(value: Any) -> bool:
    return isinstance(value, bool) or str(value).lower() in ("true", "false")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


_CAN_BE: Mapping[str, Callable[[Any], bool]] = {
    "string": _is_scalar,
    "boolean": _is_truth_value,
    "integer": _is_whole,
    "number": _is_number,
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


def _kind(value: Any) -> str:
    """A JSON name of its type; the value itself may be a misplaced secret."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"
