"""From a named query and values to a query that runs like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve, frozen

from headwater.calls.context import DEFAULT_LIMITS, CallContext, QueryLimits
from headwater.errors import QueryError, ValidationError
from headwater.queries.answer_cache.rules import CacheRule
from headwater.queries.options import QueryOptions, data_query_of
from headwater.queries.request import DataSourceRef, MetricQuery

from .binding import bind
from .cache_rule import RANGES_KEY, split_rule
from .model import NamedQuery, least
from .parameters import Parameter, Scalar, Value
from .service import NamedQueries

if TYPE_CHECKING:
    from headwater.frames import Frame

__all__ = ["NamedQueryRunner", "PreparedQuery", "options_and_values", "within_limits"]

_MOST_CHOICES = 10_000


@frozen
class PreparedQuery:
    """A named query with values in it, checked, and what asks its data source."""

    named: NamedQuery
    values: Mapping[str, Value]
    query: MetricQuery


class NamedQueryRunner:
    """Reads values, and finds the choices that come from another named query by asking it with `ask`."""

    def __init__(self, named_queries: NamedQueries, ask: Callable[[MetricQuery, CallContext], Frame]) -> None:
        self._named_queries = named_queries
        self._ask = ask

    def prepare(
        self, named: NamedQuery, values: Mapping[str, Any], options: QueryOptions, context: CallContext
    ) -> PreparedQuery:
        """Raises ValidationError with the path of a value or of the time range."""
        read = named.read_values(values, datetime.now(UTC))
        for parameter in named.parameters:
            if parameter.choices_from and parameter.name in values:
                read[parameter.name] = self._chosen(parameter, read[parameter.name], context)
        return PreparedQuery(named, read, _query_of(named, read, options))

    def choices(self, parameter: Parameter, context: CallContext) -> Sequence[Scalar]:
        """What `parameter` may be: its own choices, or the first column of what another named query finds.

        Raises as that query does; QueryError if it cannot run as it is, without values.
        """
        if not parameter.choices_from:
            return parameter.choices
        named = self._named_queries.find(parameter.choices_from)
        limits = evolve(context.limits, **named.limits.within(context.limits))
        most = _MOST_CHOICES if limits.max_rows is None else min(limits.max_rows, _MOST_CHOICES)
        try:
            source = self.prepare(named, {}, {}, context)
            with context.child(timeout=named.limits.timeout, limits=evolve(limits, max_rows=most)) as call:
                frame = self._ask(source.query, call)
        except ValidationError as error:  # of another query than the caller's, who may not know of it
            raise QueryError(f"The choices come from {named.id!r}, which cannot run so: {error}") from error
        values = frame.table.column(0).to_pylist() if frame.num_columns else []
        return [value for value in values if isinstance(value, str | int | float)]

    def _chosen(self, parameter: Parameter, value: Value, context: CallContext) -> Value:
        choices = self.choices(parameter, context)
        try:
            if isinstance(value, list):
                return [parameter.chosen(each, choices) for each in value]
            return parameter.chosen(value, choices)
        except ValidationError as error:
            raise ValidationError(error.reason, path=f"parameters.{parameter.name}") from None


def options_and_values(
    values: Mapping[str, Any] | None, keywords: Mapping[str, Any]
) -> tuple[QueryOptions, dict[str, Any]]:
    """The options of a query among `keywords`, and everything else: values of parameters."""
    options = {name: value for name, value in keywords.items() if name in QueryOptions.__annotations__}
    given = {name: value for name, value in keywords.items() if name not in options}
    return cast("QueryOptions", options), {**(values or {}), **given}


def within_limits(named: NamedQuery, options: QueryOptions, limits: QueryLimits) -> QueryOptions:
    """`options` that do not exceed what `named` allows, nor, where it says something, what the host does."""
    context = options.get("context")
    if context is not None and context.limits is not DEFAULT_LIMITS:
        limits = context.limits
    allowed = {
        name: least(cast("dict[str, Any]", options).get(name, getattr(limits, name)), bound)
        for name in ("max_rows", "max_bytes", "timeout")
        if (bound := getattr(named.limits, name)) is not None
    }
    return cast("QueryOptions", {**options, **allowed})


def _query_of(named: NamedQuery, values: Mapping[str, Value], options: QueryOptions) -> MetricQuery:
    if "time_range" not in options:
        ends = (options.get("from_"), options.get("to"))
        if ends == (None, None):
            options = {**options, "from_": named.from_, "to": named.to}
    json = bind(named.query, values)
    settings, ranges = split_rule(named.cache)
    if ranges:
        json[RANGES_KEY] = True
    if settings is not None and "cache_ttl" not in options:
        rule = CacheRule.from_settings(settings)
        options = {**options, "cache_ttl": rule.ttl}
        json["queryCachingStaleTTL"] = 1000 * rule.stale_while_revalidate
    query = data_query_of(json, options)
    longest = named.limits.max_range
    if longest is not None and query.time_range.duration.total_seconds() > longest:
        raise ValidationError(f"is longer than {longest:g} seconds, this query's longest", path="timeRange")
    return MetricQuery(DataSourceRef(uid=named.data_source), query)
