"""Decoded series as frames: `long`, `wide` or `multi`.

long    one frame; columns Time, one per label (dictionary-encoded, null where a series lacks it), Value.
        The rows of a series stand together, in the order of the answer. The default of library use.
wide    one frame; Time, and one column per series, null where a series has no sample.
multi   one frame per series, as Grafana's clients expect them.

Native histograms are kept: in `long` and `wide` as a struct column, in `multi` as `heatmap-cells` frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import evolve, frozen

from headwater.errors import LimitExceededError, QueryError
from headwater.frames import Frame, FrameMeta, FrameType, unique_names

from .answer import Histogram, HistogramSample, Labels, SeriesBlock
from .arrays import to_arrow, to_strings
from .naming import METRIC_NAME, legend, series_text
from .samples import Float64Array, Int64Array, decode_number

TIME, VALUE, HISTOGRAM = "Time", "Value", "Histogram"
TIME_TYPE = pa.timestamp("ms", "UTC")
BUCKET_TYPE = pa.struct(
    [("boundaries", pa.int8()), ("low", pa.float64()), ("high", pa.float64()), ("count", pa.float64())]
)
HISTOGRAM_TYPE = pa.struct(
    [("count", pa.float64()), ("sum", pa.float64()), ("buckets", pa.list_(BUCKET_TYPE))]
)


Check: TypeAlias = Callable[[], None]


def _never_over() -> None:
    pass


class Layout(StrEnum):
    LONG = "long"
    WIDE = "wide"
    MULTI = "multi"


@frozen
class Display:
    """What the frames of one answer have in common. `step_ms` is None for an instant query.

    The interval of the time column is the step; the display name of a value is its legend. `labels` are those
    that the long layout has columns for, None for those of the answer.
    """

    expr: str
    legend_format: str = ""
    step_ms: int | None = None
    labels: tuple[str, ...] | None = None

    def meta(self, layout: Layout, *, is_vector: bool) -> FrameMeta:
        return FrameMeta(
            type=FrameType(f"{'numeric' if is_vector else 'timeseries'}-{layout}"),
            type_version=(0, 1),
            custom={"resultType": "vector" if is_vector else "matrix"},
        )

    def time_field(self, name: str = TIME) -> pa.Field:
        config = msgspec.json.encode({"interval": self.step_ms}) if self.step_ms else None
        return _field(name, TIME_TYPE, config=config, nullable=False)

    def config(self, metric: Labels) -> bytes | None:
        """The value field's FieldConfig as JSON, written directly: there may be ten thousand of them."""
        name = legend(metric, self.legend_format, self.expr)
        return msgspec.json.encode({"displayNameFromDS": name}) if name else None


def long_frame(block: SeriesBlock, display: Display, check: Check = _never_over) -> Frame:
    """Times and values are not copied; labels cost four bytes a row each.

    `check` raises if the call is over: a column for each of many labels takes its time.
    """
    counts = np.asarray(block.counts, np.int64)
    rows = [np.repeat(np.arange(len(counts), dtype=np.int32), counts)]
    times, values = [to_arrow(block.times, TIME_TYPE)], [to_arrow(block.values)]
    fields = [display.time_field()]
    if extra := block.histograms:
        rows.append(np.asarray([sample.index for sample in extra], np.int32))
        times.append(time_array([sample.time for sample in extra]))
        values.append(pa.nulls(len(extra), pa.float64()))
    columns = [pa.chunked_array(times, TIME_TYPE)]
    for name, column in label_columns(_labels(block, display)):
        check()
        fields.append(pa.field(column, pa.dictionary(pa.int32(), pa.string())))
        columns.append(_label_column(block.metrics, name, rows))
    fields.append(pa.field(VALUE, pa.float64()))
    columns.append(pa.chunked_array(values, pa.float64()))
    if extra:
        fields.append(pa.field(HISTOGRAM, HISTOGRAM_TYPE))
        structs = pa.array([_histogram_value(sample.histogram) for sample in extra], HISTOGRAM_TYPE)
        columns.append(pa.chunked_array([pa.nulls(len(block.times), HISTOGRAM_TYPE), structs]))
    return Frame(
        pa.Table.from_arrays(columns, schema=pa.schema(fields)),
        meta=display.meta(Layout.LONG, is_vector=block.is_vector),
    )


def _labels(block: SeriesBlock, display: Display) -> set[str]:
    """Raises QueryError for series that have more to them than the columns that were asked for."""
    found = {name for metric in block.metrics for name in metric}
    if display.labels is None:
        return found
    if others := found.difference(display.labels):
        raise QueryError(f"Series have the label {min(others)!r}, which is not among labelColumns.")
    if block.histograms:
        raise QueryError("Series have native histograms, which labelColumns leaves no column for.")
    return set(display.labels)


def wide_frame(
    block: SeriesBlock, display: Display, check: Check = _never_over, *, max_bytes: int | None = None
) -> Frame:
    """Each column is named by its series' text and carries the labels; a name that repeats gets a number.

    A series that has samples and histograms gets two columns, the second with the suffix ` histogram`.

    Raises LimitExceededError if the columns, filled up with nulls, would take more than `max_bytes`.
    """
    histogram_times = [sample.time for sample in block.histograms]
    aligned = not histogram_times and _are_aligned(block)
    times = _shared_times(block) if aligned else np.unique(np.concatenate([block.times, histogram_times]))
    times = times.astype(np.int64)
    needed = len(times) * (8 * len(block.metrics) + 8)
    if max_bytes is not None and needed > max_bytes:
        raise LimitExceededError(
            f"The wide layout of this answer takes {needed} bytes; the limit is {max_bytes}. "
            "Use the long layout, a larger step or an aggregation."
        )
    fields, columns = [display.time_field()], [to_arrow(times, TIME_TYPE)]
    by_series = _histograms_by_series(block.histograms)
    start = 0
    for index, (metric, count) in enumerate(zip(block.metrics, block.counts, strict=True)):
        check()
        if count or index not in by_series:
            part = slice(start, start + count)
            values = block.values[part]
            columns.append(to_arrow(values) if aligned else _spread(times, block.times[part], values))
            fields.append(_field(series_text(metric), pa.float64(), metric, display.config(metric)))
        if index in by_series:
            columns.append(_spread_histograms(times, by_series[index]))
            name = series_text(metric) + (" histogram" if count else "")
            fields.append(_field(name, HISTOGRAM_TYPE, metric, display.config(metric)))
        start += count
    names = unique_names([field.name for field in fields])
    fields = [field.with_name(name) for field, name in zip(fields, names, strict=True)]
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    return Frame(table, meta=display.meta(Layout.WIDE, is_vector=block.is_vector))


def multi_frames(block: SeriesBlock, display: Display) -> Iterator[Frame]:
    """A frame per series with samples, and one per series with histograms; nothing is copied."""
    meta = display.meta(Layout.MULTI, is_vector=block.is_vector)
    time_field = display.time_field()
    times, values = to_arrow(block.times, TIME_TYPE), to_arrow(block.values)
    by_series = _histograms_by_series(block.histograms)
    start = 0
    for index, (metric, count) in enumerate(zip(block.metrics, block.counts, strict=True)):
        if count or index not in by_series:
            (name,) = unique_names([metric.get(METRIC_NAME, VALUE)], taken=(TIME,))
            value_field = _field(name, pa.float64(), metric, display.config(metric))
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
    value_field = _field(VALUE, column.type, config=display.config({}))
    schema = pa.schema([_field(TIME, TIME_TYPE, nullable=False), value_field])
    return Frame(pa.Table.from_arrays([times, column], schema=schema), meta=meta)


def time_array(milliseconds: Sequence[int]) -> pa.Array:
    return to_arrow(np.asarray(milliseconds, np.int64), TIME_TYPE)


def _label_column(
    metrics: Sequence[Labels], name: str, rows: Sequence[npt.NDArray[np.int32]]
) -> pa.ChunkedArray:
    """The label's value of each row, as codes into the distinct values."""
    code_of: dict[str, int] = {}
    codes = np.fromiter(
        (
            -1 if (text := metric.get(name)) is None else code_of.setdefault(text, len(code_of))
            for metric in metrics
        ),
        np.int32,
        len(metrics),
    )
    dictionary = to_strings(list(code_of))
    present = codes >= 0
    some_lack = not present.all()
    chunks = [
        pa.DictionaryArray.from_arrays(
            to_arrow(codes[part], valid=present[part] if some_lack else None), dictionary
        )
        for part in rows
    ]
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def label_columns(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Each label with its column's name, sorted by label. Those called like our own columns get a prefix."""
    names = sorted(set(labels))
    clashing = [name for name in names if name in {TIME, VALUE, HISTOGRAM}]
    prefixed = unique_names([f"label_{name}" for name in clashing], taken=names)
    renamed = dict(zip(clashing, prefixed, strict=True))
    return [(name, renamed.get(name, name)) for name in names]


def _are_aligned(block: SeriesBlock) -> bool:
    """Whether all series have samples at the same, strictly increasing times."""
    if not block.counts or len(set(block.counts)) != 1:
        return False
    grid = block.times.reshape(len(block.counts), -1)
    return bool((grid == grid[0]).all() and (np.diff(grid[0]) > 0).all())


def _shared_times(block: SeriesBlock) -> Int64Array:
    return block.times[: block.counts[0]]


def _spread(times: Int64Array, own: Int64Array, values: Float64Array) -> pa.Array:
    """`values` at their places among `times`; null elsewhere, for NaN is a value."""
    places = np.searchsorted(times, own)
    spread = np.zeros(len(times))
    present = np.zeros(len(times), np.bool_)
    spread[places] = values
    present[places] = True
    return to_arrow(spread, valid=present)


def _spread_histograms(times: Int64Array, samples: Sequence[HistogramSample]) -> pa.Array:
    found = {sample.time: _histogram_value(sample.histogram) for sample in samples}
    return pa.array([found.get(time) for time in times.tolist()], HISTOGRAM_TYPE)


def _histograms_by_series(samples: Sequence[HistogramSample]) -> dict[int, list[HistogramSample]]:
    by_series: dict[int, list[HistogramSample]] = {}
    for sample in samples:
        by_series.setdefault(sample.index, []).append(sample)
    return by_series


def _histogram_value(histogram: Histogram) -> dict[str, object]:
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
            _field("yMin", pa.float64(), metric, display.config(metric)),
            _field("yMax", pa.float64()),
            _field("count", pa.float64()),
            _field("yLayout", pa.int8()),
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


def _field(
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
