"""Frames: Arrow tables that carry what Grafana's clients need, and the ways in and out of them.

Names load on first use: codecs, time series, the data plane and intervals cost those who use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import lazy_names

if TYPE_CHECKING:
    from .codecs.arrow import (
        ARROW_MEDIA_TYPE as ARROW_MEDIA_TYPE,
        ChunkBuffer as ChunkBuffer,
        decode_grafana_file as decode_grafana_file,
        decode_stream as decode_stream,
        encode_grafana_file as encode_grafana_file,
        encode_stream as encode_stream,
    )
    from .codecs.grafana_json import (
        JSON_LINES_MEDIA_TYPE as JSON_LINES_MEDIA_TYPE,
        FrameInclude as FrameInclude,
        append_frame as append_frame,
        decode_chunks as decode_chunks,
        decode_frame as decode_frame,
        decode_response as decode_response,
        encode_chunks as encode_chunks,
        encode_frame as encode_frame,
        encode_response as encode_response,
        iter_frame as iter_frame,
        iter_response as iter_response,
        stream_chunks as stream_chunks,
    )
    from .data_plane import (
        DataPlane as DataPlane,
        DataPlaneError as DataPlaneError,
        Item as Item,
        no_data as no_data,
        read_items as read_items,
        validate as validate,
    )
    from .errors import (
        FrameDecodeError as FrameDecodeError,
        FrameError as FrameError,
        FrameTooLargeError as FrameTooLargeError,
        FrameTypeError as FrameTypeError,
        StreamClosedError as StreamClosedError,
        TimeSeriesError as TimeSeriesError,
    )
    from .field_config import (
        DataLink as DataLink,
        EnumConfig as EnumConfig,
        FieldConfig as FieldConfig,
        InternalLink as InternalLink,
        MappingType as MappingType,
        Threshold as Threshold,
        Thresholds as Thresholds,
        ThresholdsMode as ThresholdsMode,
        TypeConfig as TypeConfig,
        ValueMapping as ValueMapping,
    )
    from .field_type import (
        FieldType as FieldType,
    )
    from .frame import (
        Field as Field,
        Frame as Frame,
    )
    from .grafana_types import (
        conversion as conversion,
    )
    from .meta import (
        DataTopic as DataTopic,
        FrameMeta as FrameMeta,
        FrameType as FrameType,
        Inspect as Inspect,
        Notice as Notice,
        Severity as Severity,
        Stat as Stat,
        Visualisation as Visualisation,
    )
    from .responses import (
        DataResponse as DataResponse,
        QueryChunk as QueryChunk,
        QueryDataResponse as QueryDataResponse,
    )
    from .schema import (
        field_labels as field_labels,
    )
    from .stream import (
        FrameStream as FrameStream,
    )
    from .time_series import (
        Fill as Fill,
        FillMode as FillMode,
        SeriesKind as SeriesKind,
        SeriesSchema as SeriesSchema,
        labels_fingerprint as labels_fingerprint,
        labels_text as labels_text,
        long_to_multi as long_to_multi,
        long_to_wide as long_to_wide,
        resample as resample,
        series_schema as series_schema,
        wide_to_long as wide_to_long,
        wide_to_multi as wide_to_multi,
    )
    from .times import (
        TimeRange as TimeRange,
        calculate_interval as calculate_interval,
        format_interval as format_interval,
        interval_from as interval_from,
        parse_duration as parse_duration,
        parse_interval as parse_interval,
        parse_interval_string as parse_interval_string,
        parse_time as parse_time,
        parse_time_range as parse_time_range,
        round_interval as round_interval,
    )

_MODULES = {
    "errors": (
        "FrameDecodeError",
        "FrameError",
        "FrameTooLargeError",
        "FrameTypeError",
        "StreamClosedError",
        "TimeSeriesError",
    ),
    "field_config": (
        "DataLink",
        "EnumConfig",
        "FieldConfig",
        "InternalLink",
        "MappingType",
        "Threshold",
        "Thresholds",
        "ThresholdsMode",
        "TypeConfig",
        "ValueMapping",
    ),
    "frame": (
        "Field",
        "Frame",
    ),
    "meta": (
        "DataTopic",
        "FrameMeta",
        "FrameType",
        "Inspect",
        "Notice",
        "Severity",
        "Stat",
        "Visualisation",
    ),
    "stream": ("FrameStream",),
    "codecs.arrow": (
        "ARROW_MEDIA_TYPE",
        "ChunkBuffer",
        "decode_grafana_file",
        "decode_stream",
        "encode_grafana_file",
        "encode_stream",
    ),
    "codecs.grafana_json": (
        "FrameInclude",
        "JSON_LINES_MEDIA_TYPE",
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
    "grafana_types": ("conversion",),
    "data_plane": (
        "DataPlane",
        "DataPlaneError",
        "Item",
        "no_data",
        "read_items",
        "validate",
    ),
    "field_type": ("FieldType",),
    "responses": (
        "DataResponse",
        "QueryChunk",
        "QueryDataResponse",
    ),
    "schema": ("field_labels",),
    "times": (
        "TimeRange",
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

__all__ = [name for names in _MODULES.values() for name in names]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
