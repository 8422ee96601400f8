"""Where the values of parameters go in a query object: never into the text of a query.

`{"$param": "name"}` stands for a value, anywhere in the object but for the query's main text. Parameters that
are named nowhere become the query's `params`, which the plugin binds by name, as its language does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headwater.errors import ValidationError
from headwater.models import PluginInfo

from .parameters import Value

__all__ = ["bind", "check_references", "without_references"]

REFERENCE: Final = "$param"
PARAMS: Final = "params"
_MAX_DEPTH = 30


def bind(query: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """`query` with `values` in their places."""
    named = set(references(query))
    bound: dict[str, Any] = _filled(query, values)
    rest = {name: value for name, value in values.items() if name not in named}
    return {**bound, PARAMS: rest} if rest else bound


def references(value: Any) -> Iterator[str]:
    """The parameters that `value` names, each as often as it does."""
    if (name := _referenced(value)) is not None:
        yield name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def check_references(query: Mapping[str, Any], names: set[str], info: PluginInfo) -> None:
    """Raises ValidationError for a parameter that `query` names and `names` lacks, or that has no place."""
    _check_depth(query, 0)
    named = set(references(query))
    if unknown := sorted(named - names):
        raise ValidationError(f"there is no parameter {unknown[0]!r}", path="query")
    if info.query_text_key and _referenced(query.get(info.query_text_key)) is not None:
        raise ValidationError(
            "the text of a query is no parameter; write a placeholder into it",
            path=f"query.{info.query_text_key}",
        )
    if (rest := sorted(names - named)) and PARAMS in query:
        raise ValidationError(f"the query does not use the parameter {rest[0]!r}", path=f"query.{PARAMS}")
    if rest and PARAMS not in info.query_schema.get("properties", {}):
        raise ValidationError(
            f"plugin {info.id!r} binds no parameters; say where {rest[0]!r} goes with "
            f'{{"{REFERENCE}": "{rest[0]}"}}',
            path="query",
        )


def without_references(query: Mapping[str, Any]) -> dict[str, Any]:
    """What of `query` can be checked while no values are known."""
    return {
        key: without_references(value) if isinstance(value, Mapping) else value
        for key, value in query.items()
        if not any(references(value)) or (isinstance(value, Mapping) and _referenced(value) is None)
    }


def _filled(value: Any, values: Mapping[str, Value]) -> Any:
    if (name := _referenced(value)) is not None:
        return values[name]
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, values) for item in value]
    return value


def _referenced(value: Any) -> str | None:
    if isinstance(value, Mapping) and REFERENCE in value:
        name = value[REFERENCE]
        if len(value) != 1 or not isinstance(name, str):
            raise ValidationError(f'is {{"{REFERENCE}": "name"}} and nothing else', path=f"query.{REFERENCE}")
        return name
    return None


def _check_depth(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValidationError(f"is nested more than {_MAX_DEPTH} deep", path="query")
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in items:
        _check_depth(item, depth + 1)
