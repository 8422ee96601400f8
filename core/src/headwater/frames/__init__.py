"""Frames: Arrow tables that carry what Grafana's clients need, and the ways in and out of them.

Names load on first use: codecs, time series, the data plane and intervals cost those who use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .arrow_start import start_arrow_without_pandas as start_arrow_without_pandas
    from .codecs.arrow import (
        ARROW_MEDIA_TYPE as ARROW_MEDIA_TYPE,
        ChunkBuffer as ChunkBuffer,
        decode_grafana_file as decode_grafana_file,
        decode_stream as decode_stream,
        encode_grafana_file as encode_grafana_file,
        encode_stream as encode_stream,
    )
    from .codecs.arrow_chunks import (
        ARROW_CHUNKS_MEDIA_TYPE as ARROW_CHUNKS_MEDIA_TYPE,
        decode_arrow_chunks as decode_arrow_chunks,
        encode_arrow_chunks as encode_arrow_chunks,
    )
    from .codecs.arrow_validation import (
        MAX_METADATA_BYTES as MAX_METADATA_BYTES,
        arrow_body_length as arrow_body_length,
        check_arrow_message as check_arrow_message,
    )
    from .codecs.grafana_json.chunks import (
        JSON_LINES_MEDIA_TYPE as JSON_LINES_MEDIA_TYPE,
        decode_chunks as decode_chunks,
        encode_chunks as encode_chunks,
        stream_chunks as stream_chunks,
    )
    from .codecs.grafana_json.decode import append_frame as append_frame, decode_frame as decode_frame
    from .codecs.grafana_json.encode import (
        FrameInclude as FrameInclude,
        encode_frame as encode_frame,
        iter_frame as iter_frame,
    )
    from .codecs.grafana_json.response import (
        decode_response as decode_response,
        encode_response as encode_response,
        iter_data_response as iter_data_response,
        iter_response as iter_response,
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
    from .field_type import FieldType as FieldType
    from .frame import Field as Field, Frame as Frame
    from .grafana_types import conversion as conversion
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
    from .names import unique_names as unique_names
    from .responses import (
        CacheStatus as CacheStatus,
        DataResponse as DataResponse,
        QueryChunk as QueryChunk,
        QueryDataResponse as QueryDataResponse,
    )
    from .schema import field_labels as field_labels
    from .stream import FrameStream as FrameStream
    from .time_series.fill import Fill as Fill, FillMode as FillMode
    from .time_series.kind import (
        SeriesKind as SeriesKind,
        SeriesSchema as SeriesSchema,
        series_schema as series_schema,
    )
    from .time_series.labels import labels_fingerprint as labels_fingerprint, labels_text as labels_text
    from .time_series.long import (
        long_to_multi as long_to_multi,
        long_to_wide as long_to_wide,
        series_from_rows as series_from_rows,
    )
    from .time_series.resampling import resample as resample
    from .time_series.wide import wide_to_long as wide_to_long, wide_to_multi as wide_to_multi
    from .times.intervals import (
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
    from .times.time_range import TimeRange as TimeRange

_MODULES = {
    "arrow_start": ("start_arrow_without_pandas",),
    "errors": ("FrameDecodeError", "FrameError", "FrameTooLargeError", "FrameTypeError",
        "StreamClosedError", "TimeSeriesError"),
    "field_config": ("DataLink", "EnumConfig", "FieldConfig", "InternalLink", "MappingType", "Threshold",
        "Thresholds", "ThresholdsMode", "TypeConfig", "ValueMapping"),
    "frame": ("Field", "Frame"),
    "meta": ("DataTopic", "FrameMeta", "FrameType", "Inspect", "Notice", "Severity", "Stat",
        "Visualisation"),
    "stream": ("FrameStream",),
    "codecs.arrow_chunks": ("ARROW_CHUNKS_MEDIA_TYPE", "decode_arrow_chunks", "encode_arrow_chunks"),
    "codecs.arrow": ("ARROW_MEDIA_TYPE", "ChunkBuffer", "decode_grafana_file", "decode_stream",
        "encode_grafana_file", "encode_stream"),
    "codecs.arrow_validation": ("MAX_METADATA_BYTES", "arrow_body_length", "check_arrow_message"),
    "codecs.grafana_json.encode": ("FrameInclude", "encode_frame", "iter_frame"),
    "codecs.grafana_json.chunks": ("JSON_LINES_MEDIA_TYPE", "decode_chunks", "encode_chunks",
        "stream_chunks"),
    "codecs.grafana_json.decode": ("append_frame", "decode_frame"),
    "codecs.grafana_json.response": ("decode_response", "encode_response", "iter_data_response",
        "iter_response"),
    "grafana_types": ("conversion",),
    "data_plane": ("DataPlane", "DataPlaneError", "Item", "no_data", "read_items", "validate"),
    "field_type": ("FieldType",),
    "responses": ("CacheStatus", "DataResponse", "QueryChunk", "QueryDataResponse"),
    "names": ("unique_names",),
    "schema": ("field_labels",),
    "times.time_range": ("TimeRange",),
    "times.intervals": ("calculate_interval", "format_interval", "interval_from", "parse_duration",
        "parse_interval", "parse_interval_string", "parse_time", "parse_time_range", "round_interval"),
    "time_series.fill": ("Fill", "FillMode"),
    "time_series.kind": ("SeriesKind", "SeriesSchema", "series_schema"),
    "time_series.labels": ("labels_fingerprint", "labels_text"),
    "time_series.long": ("long_to_multi", "long_to_wide", "series_from_rows"),
    "time_series.resampling": ("resample",),
    "time_series.wide": ("wide_to_long", "wide_to_multi"),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
