"""Time series: which kind a frame is, and the ways from each kind to the others.

Long: one row per time and series, told apart by text and bool columns. Wide: one row per time, one
column per series, told apart by labels. Multi: one frame per series.
"""

from __future__ import annotations

from .fill import Fill, FillMode
from .kind import MAX_CELLS, SeriesKind, SeriesSchema, series_schema
from .labels import labels_fingerprint, labels_text
from .long import long_to_multi, long_to_wide
from .resampling import resample
from .wide import wide_to_long, wide_to_multi

__all__ = [
    "MAX_CELLS",
    "Fill",
    "FillMode",
    "SeriesKind",
    "SeriesSchema",
    "labels_fingerprint",
    "labels_text",
    "long_to_multi",
    "long_to_wide",
    "resample",
    "series_schema",
    "wide_to_long",
    "wide_to_multi",
]
