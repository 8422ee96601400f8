"""Records that have a JSON form: each attribute says its wire key and how it is written and read.

Empty values are left out when writing and unknown keys are ignored when reading, as Grafana's SDK does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

import attrs

from .errors import FrameDecodeError

Decode = Callable[[Any, str], Any]
Encode = Callable[[Any], Any]
T = TypeVar("T")


class JsonRule(NamedTuple):
    key: str
    decode: Decode
    encode: Encode
    always: bool
    null_is_value: bool


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def json_field(
    key: str,
    decode: Decode,
    *,
    default: Any,
    encode: Encode = _plain,
    always: bool = False,
    null_is_value: bool = False,
) -> Any:
    """An attribute written under `key` unless it equals its default (or `always`)."""
    return attrs.field(
        default=default, metadata={"json": JsonRule(key, decode, encode, always, null_is_value)}
    )


def to_wire(record: Any) -> dict[str, Any]:
    """The JSON object of `record`, keys in the order of its attributes."""
    written: dict[str, Any] = {}
    for name, default, rule in _members(type(record)):
        value = getattr(record, name)
        if rule.always or value != default:
            written[rule.key] = rule.encode(value)
    return written


def from_wire(cls: type[T], value: Any, path: str) -> T:
    """The record of class `cls` that the JSON object `value` describes.

    :raises FrameDecodeError: a key holds a value of the wrong type; the error's path names it.
    """
    members = as_mapping(value, path)
    read = {}
    for name, _, rule in _members(cls):
        if rule.key not in members or (members[rule.key] is None and not rule.null_is_value):
            continue
        read[name] = rule.decode(members[rule.key], f"{path}.{rule.key}" if path else rule.key)
    return cls(**read)


def _read_members(cls: Any) -> tuple[tuple[str, Any, JsonRule], ...]:
    """Name, default and rule of each attribute."""
    return tuple((each.name, each.default, each.metadata["json"]) for each in attrs.fields(cls))


_members: Callable[[Any], tuple[tuple[str, Any, JsonRule], ...]] = cache(_read_members)


def as_mapping(value: Any, path: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", _expect(value, dict, "an object", path))


def as_text(value: Any, path: str) -> str:
    return cast("str", _expect(value, str, "a string", path))


def as_bool(value: Any, path: str) -> bool:
    return cast("bool", _expect(value, bool, "a boolean", path))


def as_int(value: Any, path: str) -> int:
    if isinstance(value, bool):
        raise FrameDecodeError("expected an integer, got a boolean", path=path)
    return cast("int", _expect(value, int, "an integer", path))


def as_number(value: Any, path: str) -> float:
    if isinstance(value, bool):
        raise FrameDecodeError("expected a number, got a boolean", path=path)
    return cast("float", _expect(value, int | float, "a number", path))


def as_is(value: Any, path: str) -> Any:  # noqa: ARG001 - a decoder's signature
    return value


def as_bound(value: Any, path: str) -> float:
    """A limit of a scale: null stands for minus infinity."""
    return -math.inf if value is None else as_number(value, path)


def write_bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_enum(enum: type[StrEnum]) -> Decode:
    """A member of `enum`, or the text itself: newer peers may know more values."""

    def decode(value: Any, path: str) -> StrEnum | str:
        name = as_text(value, path)
        try:
            return enum(name)
        except ValueError:
            return name

    return decode


def as_tuple(decode: Decode) -> Decode:
    """A tuple whose items `decode` reads."""

    def decode_all(value: Any, path: str) -> tuple[Any, ...]:
        items = _expect(value, list | tuple, "an array", path)
        return tuple(decode(item, f"{path}[{index}]") for index, item in enumerate(items))

    return decode_all


def as_record(cls: type[Any]) -> Decode:
    return lambda value, path: from_wire(cls, value, path)


def write_records(records: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [to_wire(item) for item in records]


def _expect(value: Any, types: Any, what: str, path: str) -> Any:
    if isinstance(value, types):
        return value
    raise FrameDecodeError(f"expected {what}, got {_name(value)}", path=path)


def _name(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
