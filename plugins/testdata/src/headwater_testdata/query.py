"""The query of a test-data source: a scenario, and the keys that scenarios read."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from headwater.sdk import Query, field

FailureKind: TypeAlias = Literal[
    "bug", "caller", "limit", "downstream", "connection", "auth", "timeout", "protocol"
]
SeriesFormat: TypeAlias = Literal["multi", "wide", "long"]


@attrs.frozen(kw_only=True)
class ScenarioQuery(Query):
    """Every scenario reads some of these keys and ignores the others; `Scenario.keys` says which."""

    scenario: str = field(
        default="random_walk", doc="Which scenario to run; resource `scenarios` lists them."
    )
    seed: int | None = field(default=None, doc="Same seed, same values. Default: the data source's seed.")
    series_count: int = field(default=1, minimum=1, maximum=1000, doc="Number of series.")
    format: SeriesFormat = field(
        default="multi", doc="One frame per series, one wide frame, or one long frame."
    )
    unit: str = field(default="", doc="Unit of the values of `random_walk`, by Grafana's ids, such as bytes.")
    rows: int = field(default=1000, minimum=0, doc="Number of rows.")
    first_row: int = field(default=0, minimum=0, doc="Rows of `streaming_rows` before this one are left out.")
    batch_rows: int = field(default=8192, minimum=1, maximum=1_000_000, doc="Rows per streamed batch.")
    span_count: int = field(default=10, minimum=1, maximum=10_000, doc="Spans of a trace.")
    delay_ms: int = field(default=0, minimum=0, doc="Pause, in milliseconds: once, or before each batch.")
    fail_after_rows: int | None = field(default=None, minimum=0, doc="Fail once so many rows are out.")
    error: FailureKind = field(default="downstream", doc="How to fail.")
    message: str = field(default="", doc="Text of the failure.")
    types: tuple[str, ...] = field(default=(), doc="Columns of `all_types` to keep; all when empty.")
    csv_content: str = field(default="", doc="Text of `csv`: a header line, then rows.")
