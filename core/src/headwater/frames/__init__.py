"""Frames: Arrow tables that carry what Grafana's clients need, and the ways in and out of them.

Frames, streams and their descriptions are imported at once; codecs, time series, the data plane and
intervals on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from .arrow import (
        decode_grafana_file as decode_grafana_file,
    )
    from .arrow import (
        decode_stream as decode_stream,
    )
    from .arrow import (
        encode_grafana_file as encode_grafana_file,
    )
    from .arrow import (
        encode_stream as encode_stream,
    )
    from .dataplane import (
        DataPlane as DataPlane,
    )
    from .dataplane import (
        DataPlaneError as DataPlaneError,
    )
    from .dataplane import (
        Item as Item,
    )
    from .dataplane import (
        no_data as no_data,
    )
    from .dataplane import (
        read_items as read_items,
    )
    from .dataplane import (
        validate as validate,
    )
    from .field_type import (
        FieldType as FieldType,
    )
    from .grafana_json import (
        FrameInclude as FrameInclude,
    )
    from .grafana_json import (
        append_frame as append_frame,
    )
    from .grafana_json import (
        decode_chunks as decode_chunks,
    )
    from .grafana_json import (
        decode_frame as decode_frame,
    )
    from .grafana_json import (
        decode_response as decode_response,
    )
    from .grafana_json import (
        encode_chunks as encode_chunks,
    )
    from .grafana_json import (
        encode_frame as encode_frame,
    )
    from .grafana_json import (
        encode_response as encode_response,
    )
    from .grafana_json import (
        iter_frame as iter_frame,
    )
    from .grafana_json import (
        iter_response as iter_response,
    )
    from .grafana_json import (
        stream_chunks as stream_chunks,
    )
    from .intervals import (
        calculate_interval as calculate_interval,
    )
    from .intervals import (
        format_interval as format_interval,
    )
    from .intervals import (
        interval_from as interval_from,
    )
    from .intervals import (
        parse_duration as parse_duration,
    )
    from .intervals import (
        parse_interval as parse_interval,
    )
    from .intervals import (
        parse_interval_string as parse_interval_string,
    )
    from .intervals import (
        parse_time as parse_time,
    )
    from .intervals import (
        parse_time_range as parse_time_range,
    )
    from .intervals import (
        round_interval as round_interval,
    )
    from .time_series import (
        Fill as Fill,
    )
    from .time_series import (
        FillMode as FillMode,
    )
    from .time_series import (
        SeriesKind as SeriesKind,
    )
    from .time_series import (
        SeriesSchema as SeriesSchema,
    )
    from .time_series import (
        labels_fingerprint as labels_fingerprint,
    )
    from .time_series import (
        labels_text as labels_text,
    )
    from .time_series import (
        long_to_multi as long_to_multi,
    )
    from .time_series import (
        long_to_wide as long_to_wide,
    )
    from .time_series import (
        resample as resample,
    )
    from .time_series import (
        series_schema as series_schema,
    )
    from .time_series import (
        wide_to_long as wide_to_long,
    )
    from .time_series import (
        wide_to_multi as wide_to_multi,
    )

_LAZY = {
    "arrow": (
        "decode_grafana_file",
        "decode_stream",
        "encode_grafana_file",
        "encode_stream",
    ),
    "dataplane": (
        "DataPlane",
        "DataPlaneError",
        "Item",
        "no_data",
        "read_items",
        "validate",
    ),
    "field_type": ("FieldType",),
    "grafana_json": (
        "FrameInclude",
        "append_frame",
        "decode_chunks",
        "decode_frame",
        "decode_response",
        "encode_chunks",
        "encode_frame",
        "encode_response",
        "iter_frame",
        "iter_response",
        "stream_chunks",
    ),
    "intervals": (
        "calculate_interval",
        "format_interval",
        "interval_from",
        "parse_duration",
        "parse_interval",
        "parse_interval_string",
        "parse_time",
        "parse_time_range",
        "round_interval",
    ),
    "time_series": (
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
    ),
}
_MODULES = {name: module for module, names in _LAZY.items() for name in names}

__all__ = [
    "DataLink",
    "DataPlane",
    "DataPlaneError",
    "DataTopic",
    "EnumConfig",
    "Field",
    "FieldConfig",
    "FieldType",
    "Fill",
    "FillMode",
    "Frame",
    "FrameDecodeError",
    "FrameError",
    "FrameInclude",
    "FrameMeta",
    "FrameStream",
    "FrameTooLargeError",
    "FrameType",
    "FrameTypeError",
    "Inspect",
    "InternalLink",
    "Item",
    "MappingType",
    "Notice",
    "SeriesKind",
    "SeriesSchema",
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
    "append_frame",
    "calculate_interval",
    "decode_chunks",
    "decode_frame",
    "decode_grafana_file",
    "decode_response",
    "decode_stream",
    "encode_chunks",
    "encode_frame",
    "encode_grafana_file",
    "encode_response",
    "encode_stream",
    "format_interval",
    "interval_from",
    "iter_frame",
    "iter_response",
    "labels_fingerprint",
    "labels_text",
    "long_to_multi",
    "long_to_wide",
    "no_data",
    "parse_duration",
    "parse_interval",
    "parse_interval_string",
    "parse_time",
    "parse_time_range",
    "read_items",
    "resample",
    "round_interval",
    "series_schema",
    "stream_chunks",
    "validate",
    "wide_to_long",
    "wide_to_multi",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
