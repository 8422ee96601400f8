"""Named queries as JSON objects: in HTTP bodies, in files, in stores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import attrs

from headwater.datasources.fields import json_key
from headwater.errors import ValidationError

from .model import NamedQuery, NamedQueryLimits
from .parameters import Parameter, ParameterType, Scalar

__all__ = ["named_query_from", "named_query_to", "runners_form"]

_OWN_QUERY_KEYS = frozenset(
    {"refId", "datasource", "datasourceId", "timeRange", "intervalMs", "maxDataPoints", "hide", "key"}
)
"""What a request says around a query, and what a dashboard keeps with it."""
_STAMPS = ("version", "created", "updated", "updated_by", "read_only")
_KEYS = (
    "id",
    "title",
    "description",
    "datasource",
    "query",
    "parameters",
    "timeRange",
    "limits",
    "cache",
    "tags",
)
_PARAMETER_KEYS = {
    "list" if each.name == "is_list" else json_key(each.name): each.name for each in attrs.fields(Parameter)
}
_LIMIT_KEYS = {json_key(each.name): each.name for each in attrs.fields(NamedQueryLimits)}


def named_query_from(data: Any, *, id: str = "") -> NamedQuery:  # noqa: A002
    """The named query that `data` describes; `id` is what it is without one of its own.

    Keys that a host sets, such as `version`, are allowed and have no meaning. Raises ValidationError with
    the path of the fault: for a key that is not known, or a value of another type.
    """
    body = _object(data, "")
    stamps = tuple(map(json_key, _STAMPS))
    _refuse_unknown(body, (*_KEYS, *stamps), "")
    time_range = _object(body.get("timeRange", {}), "timeRange")
    _refuse_unknown(time_range, ("from", "to"), "timeRange")
    query = _object(body.get("query", {}), "query")
    cache = body.get("cache")
    if not isinstance(cache, str | int | float | Mapping | None):
        raise ValidationError("is off, a duration, or an object", path="cache")
    return NamedQuery(
        id=_text(body, "id", "id") or id,
        title=_text(body, "title", "title"),
        description=_text(body, "description", "description"),
        data_source=_data_source(body.get("datasource")),
        query={key: value for key, value in query.items() if key not in _OWN_QUERY_KEYS},
        parameters=tuple(
            _parameter(each, f"parameters[{index}]") for index, each in enumerate(_list(body, "parameters"))
        ),
        from_=_text(time_range, "from", "timeRange.from") or "now-1h",
        to=_text(time_range, "to", "timeRange.to") or "now",
        limits=_limits(_object(body.get("limits", {}), "limits")),
        cache=cache,
        tags=_texts(body, "tags"),
    )


def named_query_to(named: NamedQuery, *, stamps: bool = True) -> dict[str, Any]:
    """The object that describes `named`, without what is as it is by default; `stamps` say who changed it."""
    body: dict[str, Any] = {
        "id": named.id,
        "title": named.title,
        "description": named.description,
        "datasource": {"uid": named.data_source},
        "query": dict(named.query),
        "parameters": [parameter_to(each) for each in named.parameters],
        "timeRange": {"from": named.from_, "to": named.to},
        "limits": {
            key: value
            for key, name in _LIMIT_KEYS.items()
            if (value := getattr(named.limits, name)) is not None
        },
        "cache": named.cache,
        "tags": list(named.tags),
    }
    body = {key: value for key, value in body.items() if value not in ("", None, {}, [])}
    if not stamps:
        return body
    return {
        **body,
        "version": named.version,
        "created": named.created.isoformat(),
        "updated": named.updated.isoformat(),
        "updatedBy": named.updated_by,
        "readOnly": named.read_only,
    }


def runners_form(named: NamedQuery) -> dict[str, Any]:
    """What those may know of `named` who may run it and not read it: what a run needs.

    Where choices come from another named query that one is not named; `choicesFrom` is true.
    """
    parameters = [parameter_to(each) for each in named.parameters]
    for parameter in parameters:
        if "choicesFrom" in parameter:
            parameter["choicesFrom"] = True
    return {
        "id": named.id,
        "title": named.title,
        "description": named.description,
        "parameters": parameters,
        "timeRange": {"from": named.from_, "to": named.to},
        "tags": list(named.tags),
    }


def parameter_to(parameter: Parameter) -> dict[str, Any]:
    """What a caller may know of a parameter, which is all."""
    blank = Parameter(name="", type=parameter.type)
    said = {
        key: value
        for key, name in _PARAMETER_KEYS.items()
        if (value := getattr(parameter, name)) != getattr(blank, name) or name == "type"
    }
    return {key: plain(value) for key, value in said.items()}


def plain(value: Any) -> Any:
    """`value` as JSON has it: what Python's own types say of times and durations is text, too."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, StrEnum) else value


def _parameter(data: Any, path: str) -> Parameter:
    body = _object(data, path)
    _refuse_unknown(body, tuple(_PARAMETER_KEYS), path)
    values = {name: body[key] for key, name in _PARAMETER_KEYS.items() if key in body}
    for name in ("name", "title", "description", "pattern", "choices_from", "type"):
        if name in values:
            values[name] = _text(body, json_key(name), f"{path}.{json_key(name)}")
    try:
        values["type"] = ParameterType(values.get("type", "text"))
    except ValueError:
        types = ", ".join(ParameterType)
        raise ValidationError(f"a type is one of {types}", path=f"{path}.type") from None
    if not isinstance(values.get("is_list", False), bool):
        raise ValidationError("expected true or false", path=f"{path}.list")
    for name in ("max_length", "max_items"):
        if name in values and (isinstance(values[name], bool) or not isinstance(values[name], int)):
            raise ValidationError("expected a whole number", path=f"{path}.{json_key(name)}")
    choices: tuple[Scalar, ...] = tuple(_list(body, "choices", f"{path}.choices"))
    return Parameter(**{"name": "", **values, "choices": choices})


def _limits(body: Mapping[str, Any]) -> NamedQueryLimits:
    _refuse_unknown(body, tuple(_LIMIT_KEYS), "limits")
    values: dict[str, Any] = {}
    for key, name in _LIMIT_KEYS.items():
        value: Any = body.get(key)
        if isinstance(value, str) and name in ("timeout", "max_range"):
            from headwater.frames.times.intervals import parse_duration

            try:
                value = parse_duration(value).total_seconds()
            except ValidationError as error:
                raise ValidationError(error.reason, path=f"limits.{key}") from None
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("expected a number", path=f"limits.{key}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValidationError("expected a finite number", path=f"limits.{key}")
        values[name] = int(value) if name in ("max_rows", "max_bytes") else value
    return NamedQueryLimits(**values)


def _data_source(reference: Any) -> str:
    """Grafana's reference, an object with a `uid`, or the uid or name itself."""
    if isinstance(reference, Mapping):
        reference = reference.get("uid")
    if not isinstance(reference, str) or not reference:
        raise ValidationError("a named query needs a data source", path="datasource")
    return reference


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValidationError("expected an object", path=path)
    return value


def _list(body: Mapping[str, Any], key: str, path: str = "") -> list[Any]:
    value = body.get(key, [])
    if not isinstance(value, list | tuple):
        raise ValidationError("expected a list", path=path or key)
    return list(value)


def _text(body: Mapping[str, Any], key: str, path: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str):
        raise ValidationError("expected text", path=path)
    return value


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    texts = _list(body, key)
    if not all(isinstance(each, str) for each in texts):
        raise ValidationError("expected a list of texts", path=key)
    return tuple(texts)


def _refuse_unknown(body: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for key in body:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValidationError(f"unknown key{hint}", path=f"{path}.{key}" if path else str(key))
