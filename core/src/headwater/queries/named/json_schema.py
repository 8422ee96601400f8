"""The parameters of a named query as JSON Schema (2020-12): for forms, OpenAPI and the tools of agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .json_form import plain
from .model import NamedQuery
from .parameters import Parameter, ParameterType

__all__ = ["parameters_schema"]

_TYPES: Mapping[ParameterType, Mapping[str, Any]] = {
    ParameterType.TEXT: {"type": "string"},
    ParameterType.INTEGER: {"type": "integer"},
    ParameterType.NUMBER: {"type": "number"},
    ParameterType.BOOLEAN: {"type": "boolean"},
    ParameterType.TIME: {"type": "string", "examples": ["2026-01-31T12:00:00Z", "now-1d"]},
    ParameterType.DURATION: {"type": "string", "examples": ["5m", "1h30m"]},
    ParameterType.CHOICE: {},
}


def parameters_schema(named: NamedQuery) -> dict[str, Any]:
    """A schema of the object that holds the values by name. It admits no others."""
    return {
        "type": "object",
        "properties": {each.name: _schema(each) for each in named.parameters},
        "required": [each.name for each in named.parameters if each.required],
        "additionalProperties": False,
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema = _one(parameter)
    if parameter.is_list:
        schema = {"type": "array", "items": schema, "maxItems": parameter.max_items}
    for key, text in (("title", parameter.title), ("description", _description(parameter))):
        if text:
            schema[key] = text
    if not parameter.required:
        schema["default"] = plain(parameter.default)
    return schema


def _one(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_TYPES[parameter.type])
    if parameter.type is ParameterType.TEXT:
        schema["maxLength"] = parameter.max_length
        if parameter.pattern:
            schema["pattern"] = f"^(?:{parameter.pattern})$"
    if parameter.type in (ParameterType.INTEGER, ParameterType.NUMBER):
        for key in ("minimum", "maximum"):
            if (bound := getattr(parameter, key)) is not None:
                schema[key] = plain(bound)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    elif parameter.choices_from:
        schema["type"] = ["string", "number", "boolean"]
    return schema


def _description(parameter: Parameter) -> str:
    """What the schema's own words cannot say is said in the description."""
    parts = [parameter.description] if parameter.description else []
    if parameter.type is ParameterType.TIME:
        parts.append("A time in ISO 8601, or relative to now.")
    if parameter.type is ParameterType.DURATION:
        parts.append("A duration.")
    if parameter.type in (ParameterType.TIME, ParameterType.DURATION):
        parts += [f"At least {parameter.minimum}."] if parameter.minimum is not None else []
        parts += [f"At most {parameter.maximum}."] if parameter.maximum is not None else []
    if parameter.choices_from:
        parts.append("One of the values that the host lists as its choices.")
    return " ".join(parts)
