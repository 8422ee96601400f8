"""Exemplars: single observations, mostly with a trace id, that stand beside the series."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from headwater.frames import Frame, FrameMeta

from .api import read_document
from .layouts import TIME, TIME_TYPE, VALUE, time_array
from .long import label_columns
from .samples import decode_number, millisecond
from .series import Labels

FRAME_NAME = "exemplar"


class Exemplar(msgspec.Struct):
    """`time` is milliseconds; `labels` are the exemplar's own over those of its series."""

    time: int
    value: float
    labels: Labels


class _Raw(msgspec.Struct, kw_only=True):
    labels: Labels | None = None
    value: str
    timestamp: float


class _Series(msgspec.Struct, rename="camel", kw_only=True):
    series_labels: Labels | None = None
    exemplars: list[_Raw]


def read_exemplars(body: bytes) -> list[Exemplar]:
    """The exemplars of an answer of `query_exemplars`, by time."""
    series: list[_Series] = read_document(body, list[_Series])
    exemplars = [
        Exemplar(
            millisecond(raw.timestamp),
            decode_number(raw.value),
            {**(one.series_labels or {}), **(raw.labels or {})},
        )
        for one in series
        for raw in one.exemplars
    ]
    return sorted(exemplars, key=lambda exemplar: exemplar.time)


def sample(exemplars: Sequence[Exemplar], step: int) -> list[Exemplar]:
    """Few enough to draw: of each step the largest, then each two deviations below the one kept before."""
    if not exemplars:
        return []
    apart = 2 * float(np.std([exemplar.value for exemplar in exemplars]))
    buckets: dict[int, list[Exemplar]] = {}
    for exemplar in exemplars:
        buckets.setdefault(exemplar.time // max(step, 1), []).append(exemplar)
    kept: list[Exemplar] = []
    for bucket in sorted(buckets):
        last: float | None = None
        for exemplar in sorted(buckets[bucket], key=lambda one: one.value, reverse=True):
            if last is None or last - exemplar.value > apart:
                kept.append(exemplar)
                last = exemplar.value
    return sorted(kept, key=lambda exemplar: exemplar.time)


def exemplar_frame(exemplars: Sequence[Exemplar]) -> Frame:
    """One row per exemplar: Time, Value, and a column per label, sorted by name."""
    labels = label_columns(name for exemplar in exemplars for name in exemplar.labels)
    columns = [
        time_array([exemplar.time for exemplar in exemplars]),
        pa.array([exemplar.value for exemplar in exemplars], pa.float64()),
        *(pa.array([exemplar.labels.get(name) for exemplar in exemplars], pa.string()) for name, _ in labels),
    ]
    schema = pa.schema(
        [
            pa.field(TIME, TIME_TYPE, nullable=False),
            pa.field(VALUE, pa.float64()),
            *(pa.field(column, pa.string()) for _, column in labels),
        ]
    )
    meta = FrameMeta(custom={"resultType": "exemplar"})
    return Frame(pa.Table.from_arrays(columns, schema=schema), name=FRAME_NAME, meta=meta)
