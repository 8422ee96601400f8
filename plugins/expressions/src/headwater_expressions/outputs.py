"""From series and numbers to the frames of an answer: one each, as Grafana's clients expect."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from headwater.frames import Frame, FrameMeta, FrameType
from headwater.frames.schema import LABELS

from .values import Kind, Results, Times, Value

__all__ = ["frames_of"]

_TIME = pa.timestamp("ns", "UTC")
_TIME_FIELD = pa.field("Time", _TIME, nullable=False)
_NO_DATA = "no data"


def frames_of(results: Results, ref_id: str, custom: Any = None) -> tuple[Frame, ...]:
    """A frame for each value, whose column is called like the ref id. Notices stand on the first.

    Without values there is one frame without columns, called `no data`.
    """
    if not len(results):
        frames = [Frame(pa.table({}), name=_NO_DATA, ref_id=ref_id)]
    else:
        prototypes = {kind: _prototype(kind, ref_id, custom) for kind in Kind}
        times = _SharedTimes()
        frames = [prototypes[value.kind].with_(table=_table(value, ref_id, times)) for value in results]
    frames[0] = frames[0].with_notice(*results.notices)
    return tuple(frames)


def _prototype(kind: Kind, ref_id: str, custom: Any) -> Frame:
    """What the frames of one kind have in common, written once."""
    declared = FrameType.TIME_SERIES_MULTI if kind is Kind.SERIES else FrameType.NUMERIC_MULTI
    meta = FrameMeta(type=declared, type_version=(0, 1), custom=custom)
    return Frame(pa.table({}), ref_id=ref_id, meta=meta)


class _SharedTimes:
    """Series often share their times: then they share one column."""

    def __init__(self) -> None:
        self._columns: dict[int, tuple[Times, pa.Array]] = {}

    def column(self, times: Times) -> pa.Array:
        found = self._columns.get(id(times))
        if found is None:
            found = self._columns[id(times)] = (times, pa.array(times).view(_TIME))
        return found[1]


def _table(value: Value, name: str, times: _SharedTimes) -> pa.Table:
    nulls = None if value.nulls is None else value.nulls.reshape(-1)
    columns = [pa.array(value.cells.reshape(-1), mask=nulls)]
    labels = {LABELS: json.dumps(dict(sorted(value.labels.items())), ensure_ascii=False)}
    fields = [pa.field(name, pa.float64(), metadata=labels if value.labels else None)]
    if value.times is not None:
        columns.insert(0, times.column(value.times))
        fields.insert(0, _TIME_FIELD)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))
