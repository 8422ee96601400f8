"""Typed settings and query models: attrs classes read from JSON, with errors that name the field.

An attribute `max_open_conns` is the JSON key `maxOpenConns`. Defaults are written once, on the class; the
JSON Schema shown to users is derived from it. JSON `null` means the default, as Grafana's clients use it.

A `pathlib.Path` is text in JSON. In settings, a relative one is made absolute when the data source is saved.
"""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import attrs

from headwater.errors import ValidationError
from headwater.plugins.local_paths import PATH_FORMAT
from headwater.plugins.text_patterns import HEADER_NAME, ONE_LINE, check_text
from headwater.secrets import Secret

__all__ = ["HEADER_NAME", "ONE_LINE", "field", "json_schema", "parse", "secret", "secret_keys"]

T = TypeVar("T")
_NO_DEFAULT: Any = attrs.NOTHING


def field(
    default: Any = _NO_DEFAULT,
    *,
    factory: Any = None,
    key: str | None = None,
    aliases: Sequence[str] = (),
    doc: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    lenient: bool = False,
    prefix: str | None = None,
    pattern: str | None = None,
) -> Any:
    """An attribute read from JSON.

    `key` overrides the camelCase name; `aliases` are older keys; `minimum` and `maximum` are inclusive.
    `lenient` also takes numbers and booleans written as text, and the empty text for the default.
    `prefix` gathers all keys that start with it into a mapping from the rest of the key to the value.
    `pattern` is a regular expression that a text must fit, anywhere in it unless `^` and `$` say otherwise:
    `ONE_LINE` for what becomes a header's value, `HEADER_NAME` for its name.
    """
    metadata = {
        "key": key, "aliases": tuple(aliases), "doc": doc, "minimum": minimum, "maximum": maximum,
        "lenient": lenient, "prefix": prefix, "pattern": pattern,
    }  # fmt: skip
    if factory is not None:
        return attrs.field(factory=factory, metadata=metadata)
    return attrs.field(default=default, metadata=metadata)


def secret(
    *, key: str | None = None, doc: str = "", prefix: str | None = None, pattern: str | None = None
) -> Any:
    """A `Secret | None` read from the data source's secrets; with `prefix`, a mapping of them. `pattern` as
    for `field`."""
    metadata = {"key": key, "doc": doc, "secret": True, "prefix": prefix, "pattern": pattern}
    if prefix is not None:
        return attrs.field(factory=dict, metadata=metadata, repr=False)
    return attrs.field(default=None, metadata=metadata, repr=False)


def parse(
    model: type[T],
    data: Mapping[str, Any],
    *,
    path: str = "",
    secrets: Mapping[str, Secret] | None = None,
    ignore_unknown: bool = False,
    injected: Mapping[str, Any] | None = None,
) -> T:
    """`model` built from JSON `data` and `secrets`.

    Raises ValidationError with the dotted path of the first fault. Unknown keys, at any depth, are refused
    unless `ignore_unknown`, or the class lists them (`*` as wildcard) in a class variable `other_keys`.
    """
    if not isinstance(data, Mapping):
        raise ValidationError(f"expected an object, got {_kind(data)}", path=path)
    if not all(isinstance(key, str) for key in data):
        raise ValidationError("the keys of an object must be text", path=path)
    values: dict[str, Any] = dict(injected or {})
    specs = [spec for spec in _specs(model) if spec.attribute not in values]
    for spec in specs:
        if spec.is_secret:
            spec.read_secret(values, secrets or {})
        elif spec.only_key is None or spec.only_key in data:  # most keys are left out
            spec.read(values, data, path, ignore_unknown)
    if not ignore_unknown:
        _refuse_unknown(model, [spec for spec in specs if not spec.is_secret], data, path)
    try:
        return model(**values)
    except ValueError as error:
        # Validators of attrs append the attribute and the value to their message.
        raise ValidationError(str(error.args[0] if error.args else error), path=path) from error


def secret_keys(model: type) -> tuple[str, ...]:
    """The keys of `secureJsonData` that `model` reads; a trailing `*` stands for a family of keys."""
    return tuple(
        f"{spec.prefix}*" if spec.prefix else spec.keys[0] for spec in _specs(model) if spec.is_secret
    )


def json_schema(model: type) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the JSON that `parse` accepts. Secrets are marked `writeOnly`.

    `patternProperties` holds older keys, keys with a prefix, and those of `other_keys`.
    """
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {_key_pattern(each): True for each in getattr(model, "other_keys", ())}
    required = []
    for spec in _specs(model):
        if spec.injected:
            continue
        schema = {"type": "string", "writeOnly": True} if spec.is_secret else _type_schema(spec.type)
        if spec.prefix is not None:
            family = schema if spec.is_secret else {"type": "string"}
            patterns[_key_pattern(f"{spec.prefix}*")] = {**family, **spec.text_pattern}
            continue
        schema |= spec.text_pattern
        if not spec.is_secret:
            patterns |= dict.fromkeys(map(_key_pattern, spec.keys[1:]), spec.text_pattern or True)
        if spec.doc:
            schema["description"] = spec.doc
        if spec.minimum is not None:
            schema["minimum"] = spec.minimum
        if spec.maximum is not None:
            schema["maximum"] = spec.maximum
        if spec.required:
            required.append(spec.keys[0])
        elif not spec.is_secret and _is_json(default := spec.default()):
            schema["default"] = default
        properties[spec.keys[0]] = schema
    described: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if patterns:
        described["patternProperties"] = patterns
    if required:
        described["required"] = required
    return described


def _key_pattern(key: str) -> str:
    """`key`, with `*` as wildcard, as a regular expression of JSON Schema."""
    return f"^{re.escape(key).replace(re.escape('*'), '.*')}$"


class _FieldSpec:
    """How one attribute is read."""

    def __init__(self, attribute: attrs.Attribute[Any], annotation: Any) -> None:
        meta = attribute.metadata
        self.attribute = attribute.alias or attribute.name
        self.type = annotation
        self.keys = (meta.get("key") or _camel_case(attribute.name), *meta.get("aliases", ()))
        self.prefix: str | None = meta.get("prefix")
        self.is_secret = bool(meta.get("secret"))
        self.injected = bool(meta.get("injected"))
        self.lenient = bool(meta.get("lenient"))
        self.minimum: float | None = meta.get("minimum")
        self.maximum: float | None = meta.get("maximum")
        self.pattern: str | None = meta.get("pattern")
        self.doc: str = meta.get("doc", "")
        self._default: Any = attribute.default
        self.required: bool = attribute.default is attrs.NOTHING
        is_simple = self.prefix is None and len(self.keys) == 1 and not self.required
        self.only_key: str | None = self.keys[0] if is_simple else None

    @property
    def text_pattern(self) -> dict[str, str]:
        """`pattern` as JSON Schema has it."""
        return {} if self.pattern is None else {"pattern": self.pattern}

    def default(self) -> Any:
        """The default, None if it depends on the instance."""
        factory = getattr(self._default, "factory", None)
        if factory is None:
            return self._default
        return None if self._default.takes_self else factory()

    def read(self, values: dict[str, Any], data: Mapping[str, Any], path: str, ignore_unknown: bool) -> None:
        if self.prefix is not None:
            rules = _Rules(self.lenient, ignore_unknown)
            values[self.attribute] = {
                key[len(self.prefix) :]: self._checked(
                    _convert(data[key], str, _join(path, key), rules), _join(path, key)
                )
                for key in data
                if key.startswith(self.prefix) and data[key] is not None
            }
            return
        for key in self.keys:
            value = data.get(key)
            if value is None or (self.lenient and value == "" and self.type is not str):
                continue
            where, rules = _join(path, key), _Rules(self.lenient, ignore_unknown)
            values[self.attribute] = self._checked(_convert(value, self.type, where, rules), where)
            return
        if self.required:
            raise ValidationError("is required", path=_join(path, self.keys[0]))

    def read_secret(self, values: dict[str, Any], secrets: Mapping[str, Secret]) -> None:
        if self.prefix is not None:
            values[self.attribute] = {
                key[len(self.prefix) :]: self._checked(value, f"secureJsonData.{key}")
                for key, value in secrets.items()
                if key.startswith(self.prefix)
            }
        elif (value := secrets.get(self.keys[0])) is not None:
            values[self.attribute] = self._checked(value, f"secureJsonData.{self.keys[0]}")

    def _checked(self, value: Any, path: str) -> Any:
        if self.pattern is not None and isinstance(value, str | Secret):
            check_text(self.pattern, value if isinstance(value, str) else value.reveal(), path)
        if isinstance(value, int | float):
            if self.minimum is not None and value < self.minimum:
                raise ValidationError(f"must be at least {self.minimum}, got {value}", path=path)
            if self.maximum is not None and value > self.maximum:
                raise ValidationError(f"must be at most {self.maximum}, got {value}", path=path)
        return value


def _specs(model: Any) -> tuple[_FieldSpec, ...]:
    return _cached_specs(model)


@cache
def _cached_specs(model: Any) -> tuple[_FieldSpec, ...]:
    hints = typing.get_type_hints(model)
    return tuple(
        _FieldSpec(attribute, hints[attribute.name]) for attribute in attrs.fields(model) if attribute.init
    )


def _refuse_unknown(model: type, specs: list[_FieldSpec], data: Mapping[str, Any], path: str) -> None:
    known = {key for spec in specs for key in spec.keys}
    prefixes = tuple(spec.prefix for spec in specs if spec.prefix)
    others: Iterable[str] = getattr(model, "other_keys", ())
    for key in data:
        if key in known or key.startswith(prefixes) or any(fnmatchcase(key, each) for each in others):
            continue
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValidationError(f"unknown key{hint}", path=_join(path, key))


@attrs.frozen
class _Rules:
    """How values are read, at every depth."""

    lenient: bool
    ignore_unknown: bool


_SCALARS = frozenset({bool, int, float, str, Path})
_SEQUENCES = (list, tuple, Sequence)


def _convert(value: Any, wanted: Any, path: str, rules: _Rules) -> Any:
    """`value` as type `wanted`, without guessing: no truncation, and text is no number unless the rules
    say so."""
    if wanted is Any or wanted is object:
        return value
    if isinstance(wanted, type) and wanted in _SCALARS:
        return _convert_scalar(value, wanted, path, rules.lenient)
    origin = typing.get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _convert_union(value, typing.get_args(wanted), path, rules)
    if origin is Literal:
        return _one_of(value, typing.get_args(wanted), path)
    if origin in _SEQUENCES or wanted in _SEQUENCES:
        return _convert_sequence(value, wanted, origin or wanted, path, rules)
    if origin in (dict, Mapping) or wanted in (dict, Mapping):
        return _convert_mapping(value, typing.get_args(wanted), path, rules)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(_one_of(value, [member.value for member in wanted], path))
    if isinstance(wanted, type) and attrs.has(wanted):
        return parse(wanted, value, path=path, ignore_unknown=rules.ignore_unknown)
    return _convert_scalar(value, wanted, path, rules.lenient)


def _convert_scalar(value: Any, wanted: type, path: str, lenient: bool) -> Any:
    if wanted is bool:
        if isinstance(value, bool):
            return value
        if lenient and str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
    elif wanted in (int, float):
        number = _as_number(value, wanted, lenient)
        if number is not None:
            return number
    elif wanted is Path:
        if isinstance(value, str):
            return Path(value)
    elif isinstance(value, wanted):
        return value
    elif wanted is str and lenient and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValidationError(f"expected {_type_name(wanted)}, got {_kind(value)}", path=path)


def _as_number(value: Any, wanted: type, lenient: bool) -> int | float | None:
    if lenient and isinstance(value, str):
        try:
            value = float(value) if wanted is float else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return None
    if wanted is float:
        return float(value)
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of floats
        return False


def _convert_union(value: Any, members: tuple[Any, ...], path: str, rules: _Rules) -> Any:
    error: ValidationError | None = None
    for member in members:
        if member is type(None):
            continue
        try:
            return _convert(value, member, path, rules)
        except ValidationError as failed:
            error = error or failed
    raise error or ValidationError(f"unexpected {_kind(value)}", path=path)


def _convert_sequence(value: Any, wanted: Any, origin: Any, path: str, rules: _Rules) -> Any:
    if not isinstance(value, list | tuple):
        raise ValidationError(f"expected a list, got {_kind(value)}", path=path)
    (item_type, *_) = typing.get_args(wanted) or (Any,)
    items = [_convert(item, item_type, f"{path}[{i}]", rules) for i, item in enumerate(value)]
    return items if origin is list else tuple(items)


def _convert_mapping(value: Any, arguments: tuple[Any, ...], path: str, rules: _Rules) -> Any:
    if not isinstance(value, Mapping):
        raise ValidationError(f"expected an object, got {_kind(value)}", path=path)
    item_type = arguments[1] if len(arguments) == 2 else Any
    return {str(key): _convert(item, item_type, _join(path, str(key)), rules) for key, item in value.items()}


def _one_of(value: Any, allowed: Sequence[Any], path: str) -> Any:
    for candidate in allowed:
        if value == candidate and isinstance(value, bool) == isinstance(candidate, bool):
            return candidate
    choices = ", ".join(repr(candidate) for candidate in allowed)
    raise ValidationError(f"expected one of {choices}", path=path)


def _type_schema(wanted: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        members = [_type_schema(member) for member in arguments if member is not type(None)]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in _SEQUENCES or wanted in _SEQUENCES:
        return {"type": "array", "items": _type_schema(arguments[0] if arguments else Any)}
    if origin in (dict, Mapping) or wanted in (dict, Mapping):
        values = _type_schema(arguments[1]) if len(arguments) == 2 else {}
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return {"enum": [member.value for member in wanted]}
    if isinstance(wanted, type) and attrs.has(wanted):
        return json_schema(wanted)
    if wanted is Path:
        return {"type": "string", "format": PATH_FORMAT}
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {"type": names[wanted]} if wanted in names else {}


def _is_json(value: Any) -> bool:
    return value is not None and isinstance(value, str | bool | int | float | list | dict)


def _camel_case(name: str) -> str:
    first, *rest = name.strip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind(value: Any) -> str:
    """The JSON name of a value's type; the value itself may be a misplaced secret."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", type(None): "null"}
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return names.get(type(value), type(value).__name__)


def _type_name(wanted: type) -> str:
    names: dict[type, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        Path: "text",
    }
    return names.get(wanted, wanted.__name__)
