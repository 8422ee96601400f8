"""The query model, with the keys of Grafana's ClickHouse plugin."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from attrs import frozen

from headwater.errors import ValidationError
from headwater.sdk import Query, field


class Format(IntEnum):
    """How rows become frames."""

    TIME_SERIES = 0
    TABLE = 1
    LOGS = 2
    TRACES = 3
    MULTI = 4


_NAMES = {
    "time_series": Format.TIME_SERIES, "timeseries": Format.TIME_SERIES, "table": Format.TABLE,
    "logs": Format.LOGS, "trace": Format.TRACES, "traces": Format.TRACES, "multi": Format.MULTI,
}  # fmt: skip


@frozen(kw_only=True)
class AdHocFilter:
    """One condition that a user added to a dashboard: `key operator value`."""

    #: Of Grafana's dashboards.
    other_keys: ClassVar[tuple[str, ...]] = ("condition", "origin", "keyLabel", "valueLabels", "values")

    key: str = field()
    operator: str = field("=")
    value: str = field("", lenient=True)


@frozen(kw_only=True)
class ClickHouseQuery(Query):
    """`rawSql` may hold macros and server-side parameters `{name:Type}`."""

    raw_sql: str = field(doc="One SQL statement, without FORMAT.")
    format: int | str = field("table", doc="time_series (0), table (1), logs (2), traces (3) or multi (4).")
    params: Mapping[str, Any] = field(factory=dict, doc="Values of {name:Type} placeholders.")
    fill_mode: Literal[0, 1, 2] | None = field(None, doc="Gaps in time series: 0 previous, 1 null, 2 value.")
    fill_value: float = field(0.0, doc="The value of fill mode 2.")
    binary_columns: tuple[str, ...] = field(factory=tuple, doc="String columns that hold bytes, not text.")
    partitions: int = field(1, minimum=1, maximum=64, doc="Connections to read over; needs partitionColumn.")
    partition_column: str = field("", doc="Column of the result by which the rows are divided.")
    ad_hoc_filters: tuple[AdHocFilter, ...] = field(
        factory=tuple, aliases=("adhocFilters",), doc="For $__adHocFilters."
    )
    variables: Mapping[str, Any] = field(factory=dict, doc="Dashboard variables, for $__conditionalAll.")
    meta: Mapping[str, Any] = field(factory=dict, doc="`timezone`: the zone of DateTime columns without one.")

    @property
    def result_format(self) -> Format:
        """Raises ValidationError for a format that does not exist."""
        try:
            return _NAMES[self.format.lower()] if isinstance(self.format, str) else Format(self.format)
        except (KeyError, ValueError):
            raise ValidationError(
                "expected time_series (0), table (1), logs (2), traces (3) or multi (4)", path="format"
            ) from None

    @property
    def time_zone(self) -> str:
        """The zone that the caller's client asks for, empty if none. Raises ValidationError."""
        name = str(self.meta.get("timezone") or "")
        if name:
            try:
                ZoneInfo(name)
            except (ValueError, OSError, KeyError):
                raise ValidationError(f"there is no time zone {name!r}", path="meta.timezone") from None
        return name
