"""The data source: from what the API answers to Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from headwater.errors import DownstreamProtocolError, HeadwaterError
from headwater.frames import FrameStream
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    DataSourceInstanceSettings,
    ResourceRequest,
    resource,
)

from .api import Api, SampleApi
from .query import LevelQuery
from .settings import Settings

SCHEMA = pa.schema(
    [("time", pa.timestamp("ms", tz="UTC")), ("station", pa.string()), ("level", pa.float64())]
)
_PARSE = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
_BLOCK_BYTES = 256 * 1024


class {{ cookiecutter.__class }}Source(DataSource[Settings, LevelQuery]):
    """Several threads use one object. Building it opens nothing."""

    def __init__(self, settings: Settings, instance: DataSourceInstanceSettings, logger: Any = None) -> None:
        super().__init__(settings, instance, logger)
        self._api = Api(settings, instance) if instance.url else SampleApi()

    def query(self, query: LevelQuery, context: CallContext) -> FrameStream:
        """A stream: lines become Arrow while they arrive, in bounded memory."""
        return FrameStream(SCHEMA, self._batches(query, context), name=query.station)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        """That the API is down is a result, not an exception."""
        try:
            stations = self._api.stations(context)
        except HeadwaterError as error:
            context.check()
            return CheckHealthResult.failed(str(error))
        where = "The API answers." if self.instance.url else "Answers from memory: set a URL."
        return CheckHealthResult.ok(where, stations=len(stations))

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """What schema browsers list: `headwater schema`, the Explore page."""
        return [{"name": station} for station in self._api.stations(context)]

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The columns of a station; they are the same for each."""
        return [{"name": each.name, "type": str(each.type)} for each in SCHEMA]

    def close(self) -> None:
        self._api.close()

    def _batches(self, query: LevelQuery, context: CallContext) -> Iterator[pa.RecordBatch]:
        for block in _whole_lines(self._api.readings(query, context)):
            yield from self._table(block).to_batches()

    def _table(self, lines: bytes) -> pa.Table:
        """REPLACE with how your API writes rows. Raises DownstreamProtocolError for what it cannot read."""
        try:
            table = pyarrow.json.read_json(io.BytesIO(lines), parse_options=_PARSE)
        except pa.ArrowInvalid as error:
            raise DownstreamProtocolError("The API's answer is not what it should be.") from error
        levels = pc.round(table["level"], self.settings.decimals)
        return table.set_column(table.schema.get_field_index("level"), "level", levels)


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces` put together to blocks of whole lines, which are parsed faster than single ones."""
    block = b""
    for piece in pieces:
        block += piece
        if len(block) >= _BLOCK_BYTES:
            lines, newline, block = block.rpartition(b"\n")
            yield lines + newline
    if block:
        yield block
