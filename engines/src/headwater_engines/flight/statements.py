"""From a statement's text to a query of a data source, and to the ticket that holds it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from attrs import evolve, frozen

from headwater import Headwater
from headwater.datasources import DataSource
from headwater.errors import DataSourceNotFoundError, ReadTaskError, ValidationError
from headwater.queries import MetricQuery, parse_metric_request

from .access import Call
from .errors import refused
from .named import NAMED_QUERY, NamedStatement, plan_run

_MAX_DATA_POINTS = 1000
_DEFAULT_RANGE = ("now-1h", "now")


@frozen
class Statement:
    """A request of one query, as `POST /api/ds/query` takes it, for a data source as it was when the query
    was planned. `parameters` is one row in Arrow's IPC stream format, or nothing."""

    uid: str
    fingerprint: str
    request: Mapping[str, Any]
    parameters: bytes = b""

    def to_json(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "fingerprint": self.fingerprint,
            "request": self.request,
            "parameters": base64.b64encode(self.parameters).decode(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Statement:
        """From what a ticket holds."""
        return cls(
            content["uid"],
            content["fingerprint"],
            content["request"],
            base64.b64decode(content["parameters"]),
        )

    @property
    def query(self) -> Mapping[str, Any]:
        """The query object."""
        query: Mapping[str, Any] = self.request["queries"][0]
        return query

    def with_parameters(self, batch: pa.RecordBatch) -> Statement:
        """With the one row of `batch`, whose types are kept."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return evolve(self, parameters=sink.getvalue().to_pybytes())

    def pinned(self) -> Statement:
        """With moments in place of relative times: read twice, it asks for the same."""
        time_range = self.metric_query().query.time_range
        moments = {"from": str(time_range.from_ms), "to": str(time_range.to_ms)}
        return evolve(self, request={**self.request, **moments})

    def metric_query(self) -> MetricQuery:
        """Raises QueryRequestError, ValidationError."""
        (parsed,) = parse_metric_request(self.request)
        if not self.parameters:
            return parsed
        return evolve(
            parsed, query=evolve(parsed.query, json={**parsed.query.json, "params": self._params()})
        )

    def _params(self) -> list[Any] | dict[str, Any]:
        with pa.ipc.open_stream(self.parameters) as reader:
            return row_of(reader.read_next_batch())


def row_of(batch: pa.RecordBatch) -> list[Any] | dict[str, Any]:
    """The values of a batch of one row: by place where its columns are numbered, as ADBC numbers them, or
    share a name, as they do where a client has none for them; else by name."""
    names: list[str] = batch.schema.names
    values = [column[0].as_py() for column in batch.columns]
    numbered = all(name == "" or name.isdecimal() for name in names)
    return values if numbered or len(set(names)) < len(names) else dict(zip(names, values, strict=True))


def plan(
    headwater: Headwater, call: Call, text: str, options: Mapping[str, str]
) -> Statement | NamedStatement:
    """The statement of `text`: a query in the language of the data source that `options` name, or an object.

    An object is a query object, a whole request with `queries`, or a run with `namedQuery`. Raises the errors
    of requests over HTTP.
    """
    given = _object(text)
    if given is not None and NAMED_QUERY in given:
        return plan_run(call, given, options)
    request = dict(given) if given is not None and "queries" in given else {}
    if not request:
        stored = named_source(headwater, call, options.get("catalog", ""))
        request = {"queries": [_query(headwater, stored, text, given)]}
    for name, default in zip(("from", "to"), _DEFAULT_RANGE, strict=True):
        request.setdefault(name, options.get(name) or default)
    parsed = parse_metric_request(request)
    if len(parsed) != 1:
        raise refused("A statement is one query; this request has several.", "flight.queries")
    reference = parsed[0].data_source
    stored = find_source(headwater, call, reference.uid)
    request["queries"] = [{**request["queries"][0], "datasource": {"uid": stored.uid, "type": stored.type}}]
    return Statement(stored.uid, stored.fingerprint, request)


def check_unchanged(headwater: Headwater, call: Call, statement: Statement) -> None:
    """Raises ReadTaskError if the data source reads otherwise than when the statement was planned."""
    stored = find_source(headwater, call, statement.uid)
    if stored.fingerprint != statement.fingerprint:
        raise ReadTaskError(
            f"Data source {stored.name!r} ({stored.uid}) has been changed since the query was planned "
            f"(fingerprint {stored.fingerprint}, then {statement.fingerprint}): plan the query anew."
        )


def find_source(headwater: Headwater, call: Call, name: str) -> DataSource:
    """The data source of this uid or name. One that the caller may not query is as good as absent."""
    missing = DataSourceNotFoundError(f"There is no data source {name!r} that this caller may query.")
    try:
        stored = headwater.data_source(name)
    except DataSourceNotFoundError:
        raise missing from None
    if not call.may_query(stored.uid):
        raise missing
    return stored


def named_source(headwater: Headwater, call: Call, name: str) -> DataSource:
    """The data source `name`; without one the default, or the only one that the caller may query."""
    if name:
        return find_source(headwater, call, name)
    allowed = [each for each in headwater.list_data_sources() if call.may_query(each.uid)]
    chosen = [each for each in allowed if each.is_default] or allowed
    if len(chosen) != 1:
        raise refused(
            "No data source is chosen. Name one as the connection's catalog, or in the header "
            "x-headwater-catalog.",
            "flight.noDataSource",
        )
    return chosen[0]


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is; None for text in a query language."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None  # PromQL may begin with a brace
    return found if isinstance(found, dict) else None


def _query(
    headwater: Headwater, stored: DataSource, text: str, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    if given is None:
        key = headwater.plugin_info(stored.type).query_text_key
        if not key:
            raise ValidationError(
                f"data source {stored.name!r} takes query objects, not text: send one as JSON", path="query"
            )
        given = {key: text}
    return {
        "refId": "A",
        "maxDataPoints": _MAX_DATA_POINTS,
        **given,
        "datasource": {"uid": stored.uid, "type": stored.type},
    }
