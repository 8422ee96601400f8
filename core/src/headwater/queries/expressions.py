"""Queries that are computed from the answers to other queries of their request: Grafana's expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headwater.models import DataResponse, QueryDataResponse

from .request import EXPRESSIONS, MetricQuery

if TYPE_CHECKING:
    from headwater.datasources import DataSource

__all__ = ["expressions_source", "split", "visible"]


def expressions_source() -> DataSource:
    """The data source of expressions: no store keeps it, it has no settings and no secrets."""
    from headwater.datasources import DataSource

    return DataSource(uid=EXPRESSIONS, name=EXPRESSIONS, type=EXPRESSIONS)


def split(queries: Sequence[MetricQuery]) -> tuple[list[MetricQuery], list[MetricQuery]]:
    """Queries of data sources, and expressions."""
    sources = [each for each in queries if not each.data_source.is_expressions]
    return sources, [each for each in queries if each.data_source.is_expressions]


def visible(queries: Sequence[MetricQuery], found: Mapping[str, DataResponse]) -> QueryDataResponse:
    """The outcomes in the order of the request, without those that only serve expressions (`hide`)."""
    shown = [each.query.ref_id for each in queries if each.query.json.get("hide") is not True]
    return QueryDataResponse({ref_id: found[ref_id] for ref_id in shown if ref_id in found})
