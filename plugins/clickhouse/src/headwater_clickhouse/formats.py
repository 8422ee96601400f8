"""Shape rows as time series, logs or traces, by the rules of Grafana's ClickHouse plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pyarrow as pa

from headwater.calls import CallContext
from headwater.frames import (
    Fill,
    FillMode,
    Frame,
    FrameMeta,
    FrameStream,
    SeriesKind,
    Visualisation,
    long_to_multi,
    long_to_wide,
    series_schema,
    wide_to_multi,
)

from .query_model import ClickHouseQuery, Format

_ATTRIBUTES = ("ResourceAttributes", "ScopeAttributes", "LogAttributes")


def shape(
    wanted: Format, stream: FrameStream, query: ClickHouseQuery, context: CallContext
) -> FrameStream | list[Frame]:
    """The frames of a result in format `wanted`. Traces stream on; the others need all rows.

    Raises TimeSeriesError for rows without order or with null times.
    """
    if wanted is Format.TRACES:
        stream.meta = _shown_as(stream.meta, Visualisation.TRACE)
        return stream
    limits = context.limits
    with stream, context.on_cancel(stream.cancel):
        frame = stream.collect(max_rows=limits.max_rows, max_bytes=limits.max_bytes)
    context.check()
    if wanted is Format.LOGS:
        return [merge_attributes(frame.with_(meta=_shown_as(frame.meta, Visualisation.LOGS)))]
    named = _with_text_factors(
        frame.with_(name=query.ref_id, meta=_shown_as(frame.meta, Visualisation.GRAPH))
    )
    if wanted is Format.MULTI:
        return _multi(named)
    return [_wide(named, query)]


def _wide(frame: Frame, query: ClickHouseQuery) -> Frame:
    """Frames that are no long series, and those without rows, stay as they are."""
    if frame.num_rows == 0 or series_schema(frame).kind is not SeriesKind.LONG:
        return frame
    mode = FillMode.NULL if query.fill_mode is None else FillMode(query.fill_mode)
    return long_to_wide(frame, Fill(mode, query.fill_value))


def _multi(frame: Frame) -> list[Frame]:
    if frame.num_rows == 0:
        return [frame]
    match series_schema(frame).kind:
        case SeriesKind.LONG:
            return long_to_multi(frame)
        case SeriesKind.WIDE:
            return wide_to_multi(frame)
        case _:
            return [frame]


def _with_text_factors(frame: Frame) -> Frame:
    """Nested columns as JSON text, so that they tell series apart instead of being values."""
    table = frame.table
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type) or _is_json(field.type):
            column = table.column(index)
            values = column.to_pylist()
            texts = values if _is_json(field.type) else [_json_text(value) for value in values]
            table = table.set_column(index, field.with_type(pa.string()), pa.array(texts, pa.string()))
    return frame.with_(table=table)


def merge_attributes(frame: Frame) -> Frame:
    """OpenTelemetry's attribute columns as one `labels` column, a map from `<column>.<key>` to text.

    Nested objects are flattened with dots. A frame with a `labels` column stays as it is.
    """
    names = frame.table.column_names
    merged = [index for index, name in enumerate(names) if name in _ATTRIBUTES]
    if not merged or "labels" in names:
        return frame
    columns = [frame.table.column(index).to_pylist() for index in merged]
    rows = []
    for values in zip(*columns, strict=True):
        labels: dict[str, str] = {}
        for index, value in zip(merged, values, strict=True):
            labels.update(_flatten(names[index], _as_object(value)))
        rows.append(list(labels.items()))
    labels_column = pa.array(rows, pa.map_(pa.string(), pa.string()))
    others = [index for index in range(len(names)) if index not in merged]
    table = frame.table.select(others).append_column("labels", labels_column)
    return frame.with_(table=table)


def _flatten(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(f"{path}.{key}", item)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def _as_object(value: Any) -> Any:
    """A Map arrives as pairs, a JSON column as text."""
    if isinstance(value, list):
        return dict(value)
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)


def _is_json(type_: pa.DataType) -> bool:
    return getattr(type_, "extension_name", "") == "arrow.json"


def _shown_as(meta: FrameMeta | None, kind: Visualisation) -> FrameMeta:
    return attrs.evolve(meta or FrameMeta(), preferred_visualisation_type=kind)
