"""Whether a named query fits its data source's plugin."""

from __future__ import annotations

from attrs import evolve

from headwater.datasources import DataSource
from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater.plugins.known_keys import check_query
from headwater.queries.answer_cache.rules import CacheRule
from headwater.queries.options import QueryOptions

from .binding import check_references, without_references
from .cache_rule import RANGES_KEY, split_rule
from .model import NamedQuery

__all__ = ["fitted"]


def fitted(named: NamedQuery, data_source: DataSource, info: PluginInfo | None) -> NamedQuery:
    """`named` with the uid of `data_source`, checked as far as its plugin's `info` says; None for unknown.

    Raises ValidationError with the path of the fault.
    """
    for index, parameter in enumerate(named.parameters):
        if parameter.name in QueryOptions.__annotations__:
            raise ValidationError(
                "is the name of an option of every query; choose another", path=f"parameters[{index}].name"
            )
    _check_cache(named, info)
    if info is not None:
        check_references(named.query, {each.name for each in named.parameters}, info)
        _check_query(named, info)
    return evolve(named, data_source=data_source.uid)


def _check_cache(named: NamedQuery, info: PluginInfo | None) -> None:
    settings, ranges = split_rule(named.cache)
    try:
        CacheRule.from_settings(settings)
    except ValidationError as error:
        raise ValidationError(error.reason, path=error.path.removeprefix("jsonData.")) from None
    if ranges and info is not None and RANGES_KEY not in info.query_schema.get("properties", {}):
        raise ValidationError(
            f"plugin {info.id!r} has no time groups that a query's author could vouch for",
            path="cache.ranges",
        )


def _check_query(named: NamedQuery, info: PluginInfo) -> None:
    try:
        check_query(info, without_references(named.query))
    except ValidationError as error:
        raise ValidationError(error.reason, path=f"query.{error.path}") from None
    if info.query_text_key and not named.query.get(info.query_text_key):
        raise ValidationError("is required", path=f"query.{info.query_text_key}")
