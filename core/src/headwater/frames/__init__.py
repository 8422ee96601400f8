"""Frames: Arrow tables that carry what Grafana's clients need, and the ways in and out of them."""

from __future__ import annotations

from .errors import (
    FrameDecodeError,
    FrameError,
    FrameTooLargeError,
    FrameTypeError,
    StreamClosedError,
    TimeSeriesError,
)
from .field_config import (
    DataLink,
    EnumConfig,
    FieldConfig,
    InternalLink,
    MappingType,
    Threshold,
    Thresholds,
    ThresholdsMode,
    TypeConfig,
    ValueMapping,
)
from .frame import Field, Frame
from .meta import DataTopic, FrameMeta, FrameType, Inspect, Notice, Severity, Stat, Visualisation
from .stream import FrameStream

__all__ = [
    "DataLink",
    "DataTopic",
    "EnumConfig",
    "Field",
    "FieldConfig",
    "Frame",
    "FrameDecodeError",
    "FrameError",
    "FrameMeta",
    "FrameStream",
    "FrameTooLargeError",
    "FrameType",
    "FrameTypeError",
    "Inspect",
    "InternalLink",
    "MappingType",
    "Notice",
    "Severity",
    "Stat",
    "StreamClosedError",
    "Threshold",
    "Thresholds",
    "ThresholdsMode",
    "TimeSeriesError",
    "TypeConfig",
    "ValueMapping",
    "Visualisation",
]
