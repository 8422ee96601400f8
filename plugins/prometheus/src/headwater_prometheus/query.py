"""The query model: Grafana's keys, and `layout`, which chooses the shape of the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from headwater.errors import QueryError
from headwater.sdk import DataQuery, Query, field

from .filters import Filter, Scope

_GRAFANA_KEYS = frozenset({"datasource", "datasourceId", "format"})


@frozen(kw_only=True)
class PrometheusQuery(Query):
    """Neither `range` nor `instant` means `range`; both give both results.

    `interval` is the smallest step: a duration, or one of the variables `$__interval` and
    `$__rate_interval`. `utc_offset_sec` aligns steps to local days. `layout` is `long`, `wide` or `multi`;
    without it a query written by a Grafana client gets `multi` and any other `long`.
    """

    expr: str = field("", doc="PromQL")
    range_: bool = field(False, doc="Evaluate over the time range.")
    instant: bool = field(False, doc="Evaluate at the end of the time range.")
    exemplar: bool = field(False, doc="Also return exemplars.")
    format: str | int = field("", doc="time_series, table or heatmap; for clients, the data is the same.")
    legend_format: str = field("", doc="Display name: text with {{label}}, or __auto.")
    interval: str = field("", lenient=True, doc="Smallest step, such as 1m.")
    interval_factor: int = field(1, minimum=0, lenient=True, doc="Multiplies the step. Deprecated.")
    utc_offset_sec: int = field(0, lenient=True, doc="Steps are aligned to this offset from UTC, in seconds.")
    editor_mode: str = field("", doc="builder or code; for clients.")
    scopes: tuple[Scope, ...] = field(factory=tuple, doc="Filters added to every selector.")
    adhoc_filters: tuple[Filter, ...] = field(factory=tuple, doc="As scopes; override them by key.")
    group_by_keys: tuple[str, ...] = field(factory=tuple, doc="Labels that every aggregation keeps.")
    params: Mapping[str, Any] = field(
        factory=dict, doc="Values of ${name} placeholders, quoted as they need."
    )
    layout: Literal["long", "wide", "multi"] | None = field(None, doc="Shape of the result.")
    label_columns: tuple[str, ...] | None = field(
        None, doc="Labels that `long` has columns for, and no others; by default those that the answer has."
    )

    @property
    def wants_range(self) -> bool:
        return self.range_ or not self.instant

    @property
    def is_one_range(self) -> bool:
        """Whether a range is all that is asked for."""
        return self.wants_range and not self.instant and not self.exemplar

    @property
    def chosen_layout(self) -> Literal["long", "wide", "multi"]:
        if self.layout is not None:
            return self.layout
        return "multi" if _GRAFANA_KEYS & self.data_query.json.keys() else "long"

    @property
    def suggested_interval_ms(self) -> int:
        """`intervalMs` if the caller gave any; a request's default is no suggestion."""
        asked = self.data_query
        is_default = asked.interval_ms == DataQuery().interval_ms and "intervalMs" not in asked.json
        return 0 if is_default else asked.interval_ms

    def check(self) -> None:
        """Raise QueryError for what no server has to be asked about."""
        if not self.expr.strip():
            raise QueryError("The query has no expression (expr).")
