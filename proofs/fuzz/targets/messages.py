"""Requests, and messages between hosts, plugins and Grafana."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from fuzz.target import target
from headwater.errors import FrameError, HeadwaterError, QueryRequestError, ValidationError
from headwater.models import DataResponse, QueryDataRequest
from headwater.plugins import from_bytes
from headwater.queries import parse_metric_request
from headwater.queries.named.json_form import named_query_from
from headwater_expressions.math import parse
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import read_headers, read_plugin_context, read_query
from headwater_grafana.protocol.errors import error_from, read_outcome, source_of
from headwater_grafana.protocol.frames import ChunkReader
from headwater_grafana.protocol.native_call import METADATA_KEY, NativeCall

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JSON = (
    '{"queries":[', '"refId":"A"', '"datasource":{"uid":"u"}', '"datasourceId":1', '"from":"now-1h"',
    '"to":"now"', '"timeRange":', '"intervalMs":', '"maxDataPoints":', '"id":"a"', '"title":"t"',
    '"query":{}', '"parameters":[{"name":"a","type":"', "integer", '"default":', '"list":true',
    '"limits":{"timeout":"1s"}', '"cache":{', "1e999", "NaN", "null", "-1", "\\ud800", "[[[[", "9" * 30,
)  # fmt: skip
NATIVE = (
    '{"error":{"message_id":"downstream.error","message":"m","status":500,"source":"plugin"}', '"cause":',
    '"retryable":', '"code":',
    '{"request_id":"a","limits":{"max_rows":1},"skip_cache":false,"version":1,"updated":',
    '"address_policy":{"allow":["::/0"]', "1e999", "null", "}", "9" * 30, "-", "[",
)  # fmt: skip


@target(QueryRequestError, ValidationError, tokens=JSON)
def requests(data: bytes) -> None:
    """The body of `/api/ds/query`, and of named queries."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(ValidationError):
        named_query_from(body)
    for each in parse_metric_request(body, now=NOW):
        assert each.query.time_range.from_ <= each.query.time_range.to


@target(
    HeadwaterError,
    tokens=("$A", "${a b}", "abs(", "(", ")", "**", "&&", "||", "!", "0x1f", "1e400", "null()", ","),
    max_bytes=2048,
)
def expressions(data: bytes) -> None:
    parse(data.decode("utf-8", "replace"))


@target(ValidationError, tokens=NATIVE)
def native(data: bytes) -> None:
    """What hosts and plugin processes tell each other beside Grafana's messages."""
    assert isinstance(error_from(data), HeadwaterError)
    NativeCall.from_metadata([(METADATA_KEY, data)])


@target(
    ValidationError,
    tokens=('"queries":', '"plugin_context":', '"frames":', '"error":', '"time_range":', '"json":'),
)
def models(data: bytes) -> None:
    with suppress(ValidationError):
        from_bytes(data, DataResponse)
    from_bytes(data, QueryDataRequest)


@target(
    ValidationError,
    DecodeError,
    tokens=(b"\x0a\x00", b"\x12\x00", b'{"a":1}', b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
)
def grpc_request(data: bytes) -> None:
    message = pb.QueryDataRequest.FromString(data)
    read_headers(message.headers)
    with suppress(ValidationError):
        read_plugin_context(message.plugin_context, None)
    for each in message.queries:
        read_query(each)


@target(
    FrameError,
    DecodeError,
    tokens=(b"\x0a\x00", b"ARROW1\0\0", b"\xff\xff\xff\xff", b'{"schema":{"fields":[]}}', b'{"data":'),
    max_bytes=8192,
)
def grpc_answer(data: bytes) -> None:
    with suppress(DecodeError):
        source_of(data)
    reader = ChunkReader()
    for ref_id, response in pb.QueryDataResponse.FromString(data).responses.items():
        read_outcome(response)
        for frame in response.frames:
            reader.read(ref_id, "0", frame, response.format)
