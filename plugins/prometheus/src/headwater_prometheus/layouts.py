"""Decoded series as frames: `long`, `wide` or `multi`.

long    one frame; columns Time, one per label (dictionary-encoded, null where a series lacks it), Value.
        The rows of a series stand together, in the order of the answer. The default of library use.
wide    one frame; Time, and one column per series, null where a series has no sample.
multi   one frame per series, as Grafana's clients expect them.

Native histograms are kept: in `long` and `wide` as a struct column, in `multi` as `heatmap-cells` frames.
`long` and `wide` have modules of their own; here is what they share, `multi`, and single values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from headwater.frames import Frame, FrameMeta, FrameType, unique_names

from .arrays import to_arrow
from .naming import METRIC_NAME, legend
from .samples import decode_number
from .series import Histogram, HistogramSample, Labels, SeriesBlock

TIME, VALUE, HISTOGRAM = "Time", "Value", "Histogram"
TIME_TYPE = pa.timestamp("ms", "UTC")
BUCKET_TYPE = pa.struct(
    [("boundaries", pa.int8()), ("low", pa.float64()), ("high", pa.float64()), ("count", pa.float64())]
)
HISTOGRAM_TYPE = pa.struct(
    [("count", pa.float64()), ("sum", pa.float64()), ("buckets", pa.list_(BUCKET_TYPE))]
)


Check: TypeAlias = Callable[[], None]


def never_over() -> None:
    pass


class Layout(StrEnum):
    LONG = "long"
    WIDE = "wide"
    MULTI = "multi"


@frozen
class Display:
    """What the frames of one answer have in common. `step_ms` is None for an instant query.

    The interval of the time column is the step; the display name of a value is its legend. `labels` are those
    that the long layout has columns for, None for those of the answer; `histograms` says that it has a column
    for native histograms, also where a part of the answer has none.
    """

    expr: str
    legend_format: str = ""
    step_ms: int | None = None
    labels: tuple[str, ...] | None = None
    histograms: bool = False

    def meta(self, layout: Layout, *, is_vector: bool) -> FrameMeta:
        return FrameMeta(
            type=FrameType(f"{'numeric' if is_vector else 'timeseries'}-{layout}"),
            type_version=(0, 1),
            custom={"resultType": "vector" if is_vector else "matrix"},
        )

    def time_field(self, name: str = TIME) -> pa.Field:
        config = msgspec.json.encode({"interval": self.step_ms}) if self.step_ms else None
        return arrow_field(name, TIME_TYPE, config=config, nullable=False)

    def config(self, metric: Labels) -> bytes | None:
        """The value field's FieldConfig as JSON, written directly: there may be ten thousand of them."""
        name = legend(metric, self.legend_format, self.expr)
        return msgspec.json.encode({"displayNameFromDS": name}) if name else None


def multi_frames(block: SeriesBlock, display: Display) -> Iterator[Frame]:
    """A frame per series with samples, and one per series with histograms; nothing is copied."""
    meta = display.meta(Layout.MULTI, is_vector=block.is_vector)
    time_field = display.time_field()
    times, values = to_arrow(block.times, TIME_TYPE), to_arrow(block.values)
    by_series = histograms_by_series(block.histograms)
    start = 0
    for index, (metric, count) in enumerate(zip(block.metrics, block.counts, strict=True)):
        if count or index not in by_series:
            (name,) = unique_names([metric.get(METRIC_NAME, VALUE)], taken=(TIME,))
            value_field = arrow_field(name, pa.float64(), metric, display.config(metric))
            table = pa.Table.from_arrays(
                [times.slice(start, count), values.slice(start, count)],
                schema=pa.schema([time_field, value_field]),
            )
            yield Frame(table, meta=meta)
        if index in by_series:
            yield _heatmap(metric, by_series[index], display, meta)
        start += count


def scalar_frame(time: int, text: str, result_type: str, display: Display, layout: Layout) -> Frame:
    """The single value of a `scalar`, or the text of a `string`, at `time` milliseconds."""
    times = time_array([time])
    custom = {"resultType": result_type}
    if result_type == "scalar":
        column, version = pa.array([decode_number(text)], pa.float64()), (0, 1)
        meta = evolve(display.meta(layout, is_vector=True), custom=custom)
    else:
        # A text is no item of the data plane contract: version 0.0 says that the contract does not hold.
        column, version = pa.array([text], pa.string()), (0, 0)
        meta = FrameMeta(type=FrameType.TIME_SERIES_MULTI, type_version=version, custom=custom)
    value_field = arrow_field(VALUE, column.type, config=display.config({}))
    schema = pa.schema([arrow_field(TIME, TIME_TYPE, nullable=False), value_field])
    return Frame(pa.Table.from_arrays([times, column], schema=schema), meta=meta)


def time_array(milliseconds: Sequence[int]) -> pa.Array:
    return to_arrow(np.asarray(milliseconds, np.int64), TIME_TYPE)


def histograms_by_series(samples: Sequence[HistogramSample]) -> dict[int, list[HistogramSample]]:
    by_series: dict[int, list[HistogramSample]] = {}
    for sample in samples:
        by_series.setdefault(sample.index, []).append(sample)
    return by_series


def histogram_value(histogram: Histogram) -> dict[str, object]:
    return {
        "count": decode_number(histogram.count),
        "sum": decode_number(histogram.sum),
        "buckets": [
            {
                "boundaries": boundaries,
                "low": decode_number(low),
                "high": decode_number(high),
                "count": decode_number(count),
            }
            for boundaries, low, high, count in histogram.buckets
        ],
    }


def _heatmap(metric: Labels, samples: Sequence[HistogramSample], display: Display, meta: FrameMeta) -> Frame:
    """A row per time and bucket: Grafana's `heatmap-cells`, whose labels stand on yMin."""
    cells = [(sample.time, *bucket) for sample in samples for bucket in sample.histogram.buckets]
    schema = pa.schema(
        [
            display.time_field("xMax"),
            arrow_field("yMin", pa.float64(), metric, display.config(metric)),
            arrow_field("yMax", pa.float64()),
            arrow_field("count", pa.float64()),
            arrow_field("yLayout", pa.int8()),
        ]
    )
    columns = [
        time_array([time for time, *_ in cells]),
        pa.array([decode_number(low) for _, _, low, _, _ in cells], pa.float64()),
        pa.array([decode_number(high) for _, _, _, high, _ in cells], pa.float64()),
        pa.array([decode_number(count) for *_, count in cells], pa.float64()),
        pa.array([boundaries for _, boundaries, *_ in cells], pa.int8()),
    ]
    described = evolve(meta, type=FrameType.HEATMAP_CELLS, type_version=(0, 0))
    table = pa.Table.from_arrays(columns, schema=schema)
    return Frame(table, name=metric.get(METRIC_NAME, ""), meta=described)


def arrow_field(
    name: str,
    type_: pa.DataType,
    labels: Labels | None = None,
    config: bytes | None = None,
    *,
    nullable: bool = True,
) -> pa.Field:
    """An Arrow field with labels and config under the metadata keys that frames read."""
    metadata = {}
    if labels is not None:
        metadata[b"labels"] = msgspec.json.encode(labels, order="sorted")
    if config is not None:
        metadata[b"config"] = config
    return pa.field(name, type_, nullable, metadata or None)
