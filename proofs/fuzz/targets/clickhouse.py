"""Answers of a ClickHouse: Arrow streams, their ends, names of types; and macros."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pyarrow as pa

from fuzz.target import target
from headwater.errors import DownstreamError, LimitExceededError, QueryError
from headwater.models import DataQuery, TimeRange
from headwater.sdk import parse
from headwater.sdk.http import HttpResponse
from headwater_clickhouse.arrow_body import ArrowBody, read_batches, truncated
from headwater_clickhouse.errors import server_error
from headwater_clickhouse.macros import expand
from headwater_clickhouse.query_model import ClickHouseQuery
from headwater_clickhouse.typed_result import check_names
from headwater_clickhouse.types import Column, mended_field, parse_type, plan_repair
from headwater_clickhouse.types.validation import check_values

RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
TAG = "a1b2c3d4e5f6"
STREAM = (
    b"\xff\xff\xff\xff", b"\0\0\0\0", f"\r\n__exception__\r\n{TAG}\r\n".encode(),
    b"Code: 241. DB::Exception: Memory limit", f"\n42 {TAG}\r\n__exception__\r\n".encode(),
    b" (UNKNOWN_TABLE)", b"LZ4", b"ZSTD",
)  # fmt: skip
TYPES = (
    "Array(", "Nullable(", "LowCardinality(", "Map(String, ", "Tuple(a ", "Enum8('a' = 1",
    "DateTime64(3, 'UTC')", "Decimal(76, 38)", "FixedString(16)", "Variant(", "JSON(", "Dynamic", "Nested(",
    "SimpleAggregateFunction(sum, ", "IPv6", "UInt256", "Point", "Interval", ")", ", ", "'", "\\'", "`",
)  # fmt: skip
MACROS = (
    "$__timeFilter(t)", "$__fromTime", "$__timeInterval(t)", "$__dateTimeFilter(d, t)",
    "$__adHocFilters('t')", "$columns(", "$rate(", "$perSecond(", "$timeSeries", "$timeFilter", "$from",
    "$to", "$interval", "$__conditionalAll(", "$unescape(", "$table", "FROM t ", "GROUP BY ", "ORDER BY ",
    "'", "(", ")", ",",
)  # fmt: skip


class _Response:
    """As much of an answer as the body of one needs."""

    def __init__(self, pieces: list[bytes], *, tagged: bool) -> None:
        self._pieces = pieces
        self.headers = {"X-ClickHouse-Exception-Tag": TAG} if tagged else {}

    def readinto(self, buffer: memoryview) -> int:
        piece = self._pieces.pop(0) if self._pieces else b""
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        if count < len(piece):
            self._pieces.insert(0, piece[count:])
        return count


@target(DownstreamError, LimitExceededError, QueryError, tokens=STREAM, max_bytes=16_384)
def stream(data: bytes) -> None:
    """An Arrow stream in pieces, cut, damaged, or with an exception in it."""
    size, body = 1 + 16 * (data[0] if data else 0), data[1:]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    raw = ArrowBody(cast("HttpResponse", _Response(pieces, tagged=len(data) % 2 == 0)))
    if not raw.starts_with(b"\xff\xff\xff\xff"):
        raise raw.problem() or truncated()
    try:
        reader = pa.ipc.open_stream(raw.whole() or raw)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise (raw.problem() or truncated()) from error
    check_names(reader.schema)
    for batch in read_batches(reader, raw):
        for column in batch.columns:
            try:
                column.validate()
                check_values(column)
            except pa.ArrowInvalid as error:
                raise truncated() from error
    assert raw.ended, "a stream without its end is taken for a whole one"


@target(DownstreamError, tokens=TYPES)
def types(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    declared = parse_type(text)
    for arrow in (pa.uint16(), pa.binary(), pa.int64(), pa.uint32(), pa.binary(16)):
        try:
            repair = plan_repair(arrow, declared, Column("c", "UTC", binary=False, drawn=False), None)
        except (DownstreamError, QueryError):
            continue
        mended_field(pa.field("c", arrow), repair)


@target(tokens=(b"Code: ", b"241", b". DB::Exception: ", b"(MEMORY_LIMIT)", b"\n"))
def errors(data: bytes) -> None:
    str(server_error(data.decode("utf-8", "replace")))


@target(QueryError, tokens=MACROS)
def macros(data: bytes) -> None:
    sql = data.decode("utf-8", "replace")
    asked = DataQuery("A", json={"rawSql": sql}, time_range=RANGE)
    query = parse(ClickHouseQuery, asked.json, ignore_unknown=True, injected={"data_query": asked})
    assert len(expand(query)) <= (1 << 22) + 256 * len(sql), "the text grew beyond its bounds"
