"""Read the body of a query request: Grafana's `MetricRequest`, as `POST /api/ds/query` takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from headwater.errors import QueryRequestError, ValidationError
from headwater.models import DataQuery, TimeRange

__all__ = ["EXPRESSIONS", "DataSourceRef", "MetricQuery", "check_ref_ids", "parse_metric_request"]


EXPRESSIONS = "__expr__"
"""Uid of the data source that every host has, and id of the plugin that answers for it."""

_OLD_UID = "-100"
_OLD_ID = -100

_MOST_POINTS = 2**63 - 1
_LONGEST_MS = 1000 * 366 * 24 * 3600 * 1000
"""A thousand years: what every plugin can compute with."""


@frozen
class DataSourceRef:
    """What a query says of its data source: a uid, or the numeric id of older clients."""

    uid: str = ""
    id: int = 0
    type: str = ""

    @property
    def is_expressions(self) -> bool:
        """Whether the query is computed from the answers to other queries of its request."""
        return self.uid == EXPRESSIONS


@frozen
class MetricQuery:
    """One query and the data source it is for."""

    data_source: DataSourceRef
    query: DataQuery


def parse_metric_request(
    body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None, now: datetime | None = None
) -> tuple[MetricQuery, ...]:
    """The queries of `body`, with Grafana's defaults: refId A, 100 points, 1,000 ms.

    Raises QueryRequestError (`query.noQueries`, `query.duplicateRefId`, `query.invalidDatasourceId`,
    `query.missingDataSourceInfo`, `query.headerMismatch`) or ValidationError with the path of the fault.
    """
    if not isinstance(body, Mapping):
        raise ValidationError("the request body must be a JSON object")
    queries = body.get("queries")
    if not isinstance(queries, list) or not queries:
        raise QueryRequestError("No queries found", "query.noQueries")
    moment = now or datetime.now(UTC)  # one for all queries, or their ranges would differ
    headers = {name.lower(): value for name, value in (headers or {}).items()}
    per_query_ranges = headers.get("x-query-v2") == "true"
    common_range: TimeRange | None = None
    parsed = []
    for index, query in enumerate(queries):
        path = f"queries[{index}]"
        if not isinstance(query, Mapping):
            raise ValidationError("a query must be a JSON object", path=path)
        own_range = query.get("timeRange") if per_query_ranges else None
        if own_range is not None:
            time_range = _time_range(own_range, f"{path}.timeRange", moment)
        else:
            time_range = common_range = common_range or _time_range(body, "", moment)
        parsed.append(_query(query, path, time_range))
    check_ref_ids(parsed)
    _check_headers(headers, parsed)
    return tuple(parsed)


def check_ref_ids(queries: Sequence[MetricQuery]) -> None:
    """Raises QueryRequestError if there is no query, or a ref id is used twice."""
    if not queries:
        raise QueryRequestError("No queries found", "query.noQueries")
    if len({each.query.ref_id for each in queries}) < len(queries):
        raise QueryRequestError(
            "Multiple queries using the same RefId is not allowed", "query.duplicateRefId"
        )


def _query(query: Mapping[str, Any], path: str, time_range: TimeRange) -> MetricQuery:
    ref_id = _text(query, "refId", path) or "A"
    return MetricQuery(
        _data_source(query, ref_id),
        DataQuery(
            ref_id=ref_id,
            query_type=_text(query, "queryType", path),
            max_data_points=_whole_number(query, "maxDataPoints", path, 100, _MOST_POINTS),
            interval_ms=_whole_number(query, "intervalMs", path, 1000, _LONGEST_MS),
            time_range=time_range,
            json=dict(query),
        ),
    )


def _data_source(query: Mapping[str, Any], ref_id: str) -> DataSourceRef:
    """`datasource` as an object or, before Grafana 8.3, as the uid itself; else `datasourceId`."""
    reference, ds_id = query.get("datasource"), query.get("datasourceId")
    uid, kind = (
        (reference.get("uid"), reference.get("type")) if isinstance(reference, Mapping) else (reference, "")
    )
    if _names_expressions(uid, kind, ds_id):
        return DataSourceRef(uid=EXPRESSIONS, type=EXPRESSIONS)
    if isinstance(uid, str) and uid:
        return DataSourceRef(uid=uid, type=kind if isinstance(kind, str) else "")
    if isinstance(ds_id, int) and not isinstance(ds_id, bool) and ds_id > 0:
        return DataSourceRef(id=ds_id)
    if reference is None and ds_id is None:
        raise QueryRequestError(
            f"Query {ref_id} is missing datasource information", "query.missingDataSourceInfo"
        )
    raise QueryRequestError(
        "Query does not contain a valid data source identifier", "query.invalidDatasourceId"
    )


def _names_expressions(uid: object, kind: object, ds_id: object) -> bool:
    """Whether a query's reference to its data source says that it is an expression."""
    return uid in (EXPRESSIONS, _OLD_UID) or (not uid and kind == EXPRESSIONS) or ds_id == _OLD_ID


def _time_range(holder: Any, path: str, now: datetime) -> TimeRange:
    from headwater.frames.times.intervals import parse_time_range

    if not isinstance(holder, Mapping):
        raise ValidationError("a time range must be a JSON object", path=path)
    ends = []
    for key in ("from", "to"):
        value = holder.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            raise ValidationError("is required", path=f"{path}.{key}" if path else key)
        ends.append(value)
    return parse_time_range(ends[0], ends[1], now=now)


def _text(query: Mapping[str, Any], key: str, path: str) -> str:
    value = query.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValidationError("expected text", path=f"{path}.{key}")
    return value


def _whole_number(query: Mapping[str, Any], key: str, path: str, default: int, most: int) -> int:
    value = query.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError("expected a number", path=f"{path}.{key}")
    if not abs(value) <= most:
        raise ValidationError(f"is beyond {most}", path=f"{path}.{key}")
    return int(value)


def _check_headers(headers: Mapping[str, str], queries: Sequence[MetricQuery]) -> None:
    """X-Datasource-Uid and X-Plugin-Id, where sent, must name exactly what the body names.

    A query that names its data source by number alone leaves uid and type open: then the headers may
    name more than the body. Clients send other headers with expressions, as Grafana expects them.
    """
    if any(each.data_source.is_expressions for each in queries):
        return
    for name, in_body in (
        ("x-datasource-uid", {each.data_source.uid for each in queries}),
        ("x-plugin-id", {each.data_source.type for each in queries}),
    ):
        sent = {part.strip() for part in headers.get(name, "").split(",")} - {""}
        named = in_body - {""}
        if sent and (not sent >= named or (named == in_body and sent != named)):
            raise QueryRequestError(
                "The request headers point to a different plugin than is defined in the request body",
                "query.headerMismatch",
            )
