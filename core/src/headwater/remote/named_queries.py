"""Named queries that a host elsewhere keeps and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from headwater.calls.context import CallContext
from headwater.queries.named.json_form import named_query_from, named_query_to, plain
from headwater.queries.named.model import NamedQuery
from headwater.queries.named.parameters import Parameter, Scalar
from headwater.queries.named.running import PreparedQuery
from headwater.queries.options import QueryOptions, data_query_of
from headwater.queries.request import DataSourceRef, MetricQuery

from .api import HostApi

_UNKNOWN = "unknown"
"""The data source of a named query that the token may run and not read."""


@frozen
class NamedRun(MetricQuery):
    """A run that the host makes a query of. `values` are by parameter, as JSON has them."""

    id: str = ""
    values: Mapping[str, Any] = field(factory=dict)
    has_range: bool = False

    def body(self) -> dict[str, Any]:
        """What `/api/queries/{id}/run` takes."""
        query = self.query
        range_ = {"from": query.time_range.from_ms, "to": query.time_range.to_ms} if self.has_range else {}
        return {
            **range_,
            "parameters": dict(self.values),
            "intervalMs": query.interval_ms,
            "maxDataPoints": query.max_data_points,
        }


class RemoteNamedQueryStore:
    """A `NamedQueryStore`: what the host keeps, as this token may see and change it."""

    def __init__(self, api: HostApi) -> None:
        self._api = api

    def get(self, id: str) -> NamedQuery:  # noqa: A002
        return _read(self._api.ask("GET", "queries", id))

    def list(self) -> Sequence[NamedQuery]:
        return [_read(each) for each in self._api.ask("GET", "queries")]

    def versions(self, id: str) -> Sequence[NamedQuery]:  # noqa: A002
        return [_read(each) for each in self._api.ask("GET", "queries", id, "versions")]

    def save(self, named: NamedQuery) -> None:
        body = named_query_to(named, stamps=False)
        if named.version == 1:
            self._api.ask("POST", "queries", body=body)
        else:
            self._api.ask("PUT", "queries", named.id, body={**body, "version": named.version - 1})

    def delete(self, id: str) -> None:  # noqa: A002
        self._api.ask("DELETE", "queries", id)


class RemoteNamedQueryRunner:
    """What `NamedQueryRunner` does; the host reads the values."""

    def __init__(self, api: HostApi) -> None:
        self._api = api

    def prepare(
        self, named: NamedQuery, values: Mapping[str, Any], options: QueryOptions, context: CallContext
    ) -> PreparedQuery:
        del context
        has_range = any(options.get(key) is not None for key in ("from_", "to", "time_range"))
        query = data_query_of({}, options)
        sent = {name: plain(value) for name, value in values.items()}
        run = NamedRun(DataSourceRef(), query, id=named.id, values=sent, has_range=has_range)
        return PreparedQuery(named, sent, run)

    def choices(self, parameter: Parameter, context: CallContext) -> Sequence[Scalar]:
        """Only those that are written down."""
        del context
        return parameter.choices


def _read(body: Any) -> NamedQuery:
    """A named query as the host shows it to this token."""
    parameters = [
        {key: value for key, value in each.items() if key != "choicesFrom" or value is not True}
        | ({"type": "text"} if each.get("choicesFrom") is True else {})
        for each in body.get("parameters", ())
    ]
    named = named_query_from({"datasource": _UNKNOWN, "query": {}, **body, "parameters": parameters})
    return evolve(
        named,
        version=body.get("version", 0),
        updated_by=body.get("updatedBy", ""),
        read_only=body.get("readOnly", False),
    )
