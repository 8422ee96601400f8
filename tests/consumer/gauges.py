"""A plugin as an author writes it: typed settings and query, a stream, a resource, a cancellation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pyarrow as pa

from headwater.errors import QueryError
from headwater.frames import Frame, FrameStream
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    DataSourcePlugin,
    Query,
    QueryExample,
    ResourceRequest,
    Secret,
    field,
    resource,
    secret,
)

SCHEMA = pa.schema([pa.field("gauge", pa.string()), pa.field("level", pa.float64())])


@attrs.frozen(kw_only=True)
class GaugeSettings:
    decimals: int = field(2, minimum=0, maximum=9, doc="Digits behind the decimal point.")
    api_key: Secret | None = secret(doc="Key of the API.")


@attrs.frozen(kw_only=True)
class GaugeQuery(Query):
    gauge: str = field(doc="Name of the gauge.")
    rows: int = field(3, minimum=0, doc="Number of readings.")


class GaugeSource(DataSource[GaugeSettings, GaugeQuery]):
    def query(self, query: GaugeQuery, context: CallContext) -> Frame | FrameStream:
        if not query.gauge:
            raise QueryError("Name a gauge.")
        if query.rows == 0:
            return Frame.from_pydict({"gauge": [], "level": []}, ref_id=query.ref_id)
        return FrameStream(SCHEMA, self._batches(query, context), name=query.gauge)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        key = self.settings.api_key
        return CheckHealthResult.ok("Answers.", apiKey="set" if key and key.reveal() else "not set")

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        wanted: str | None = request.query.get("name")
        return [{"name": name} for name in ("north", "south") if wanted in {None, name}]

    def _batches(self, query: GaugeQuery, context: CallContext) -> Iterator[pa.RecordBatch]:
        stopped = threading.Event()
        with context.on_cancel(stopped.set):
            for row in range(query.rows):
                if stopped.is_set():
                    return
                level = round(row / 3, self.settings.decimals)
                yield pa.RecordBatch.from_pylist([{"gauge": query.gauge, "level": level}], schema=SCHEMA)


class GaugePlugin(DataSourcePlugin):
    id = "gauges"
    name = "Gauges"
    version = "1.0.0"
    description = "Levels of rivers."
    settings_type = GaugeSettings
    query_type = GaugeQuery
    query_text_key = "gauge"
    capabilities = frozenset({"cancel", "stream", "resources"})
    examples = (QueryExample("The level in the north", {"gauge": "north"}),)
    data_source = "gauges:GaugeSource"
