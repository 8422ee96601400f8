"""Data sources that the Go host asks through a plugin process, and Headwater asks in this process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from headwater import Headwater
from headwater.errors import HeadwaterError
from headwater.frames import Frame, encode_frame
from headwater.models import DataResponse, QueryChunk, TimeRange
from servers.go_programs import Answer, GoHost, from_base64, in_base64

ARROW, JSON = 0, 1
MAX_DATA_POINTS, INTERVAL_MS = 100, 60_000
HOUR = TimeRange.from_epoch_ms(1_704_067_200_000, 1_704_070_800_000)


@frozen
class Source:
    """One data source. `answered` are queries with frames, `refused` those with an error."""

    type: str
    answered: tuple[Mapping[str, Any], ...]
    refused: tuple[Mapping[str, Any], ...]
    resource: str
    url: str = ""
    user: str = ""
    database: str = ""
    json_data: Mapping[str, Any] = field(factory=dict)
    secrets: Mapping[str, str] = field(factory=dict, repr=False)

    def add_to(self, headwater: Headwater) -> None:
        headwater.add_data_source(
            "source",
            uid="source",
            type=self.type,
            url=self.url,
            user=self.user,
            database=self.database,
            json_data=self.json_data,
            secure_json_data=self.secrets,
        )

    @property
    def plugin_context(self) -> dict[str, Any]:
        """As Grafana tells a plugin of the data source and of who asks."""
        return {
            "orgId": 1,
            "pluginId": f"headwater-{self.type}-datasource",
            "user": {"login": "ada", "name": "Ada", "email": "ada@example.org", "role": "Admin"},
            "grafanaConfig": {"GF_VERSION": "13.0.0"},
            "dataSourceInstanceSettings": {
                "id": 1,
                "uid": "source",
                "name": "source",
                "url": self.url,
                "user": self.user,
                "database": self.database,
                "jsonData": in_base64(self.json_data),
                "decryptedSecureJsonData": dict(self.secrets),
                "lastUpdatedMS": 1,
            },
        }


@frozen
class Sides:
    """The same data source through the Go host and in this process."""

    source: Source
    go: GoHost
    headwater: Headwater

    def query_data(self, *queries: Mapping[str, Any], format: int = JSON, **options: Any) -> Answer:  # noqa: A002
        return self.go.call("Data.QueryData", self._request(queries, format), **options)

    def query_chunked_data(self, query: Mapping[str, Any], **options: Any) -> Answer:
        return self.go.call("Data.QueryChunkedData", self._request([query], JSON), **options)

    def call(self, rpc: str, **fields: Any) -> Answer:
        return self.go.call(rpc, {"pluginContext": self.source.plugin_context, **fields})

    def expected(self, query: Mapping[str, Any]) -> DataResponse:
        """The outcome in this process."""
        try:
            frames = self.headwater.query_frames("source", query, **_OPTIONS)
        except HeadwaterError as error:
            return DataResponse.from_error(error)
        return DataResponse(tuple(frames))

    def expected_chunks(self, query: Mapping[str, Any]) -> list[QueryChunk]:
        return list(self.headwater.query_chunks("source", query, **_OPTIONS))

    def _request(self, queries: Iterable[Mapping[str, Any]], format_: int) -> dict[str, Any]:
        return {
            "pluginContext": self.source.plugin_context,
            "format": format_,
            "queries": [
                {
                    "refId": ref_id,
                    "maxDataPoints": MAX_DATA_POINTS,
                    "intervalMS": INTERVAL_MS,
                    "timeRange": {"fromEpochMS": HOUR.from_ms, "toEpochMS": HOUR.to_ms},
                    "json": in_base64(query),
                }
                for ref_id, query in zip("ABCDEFGH", queries, strict=False)
            ],
        }


_OPTIONS: Any = {"time_range": HOUR, "max_data_points": MAX_DATA_POINTS, "interval_ms": INTERVAL_MS}


def in_json(frames: Iterable[Frame]) -> list[Any]:
    """Frames as Grafana's JSON has them."""
    return [json.loads(encode_frame(frame)) for frame in frames]


def of_json(frames: Iterable[str]) -> list[Any]:
    """The frames of an answer in JSON."""
    return [json.loads(from_base64(frame)) for frame in frames]


def line_of(chunk: Mapping[str, Any]) -> str:
    """A chunk as a line of Grafana's chunked answers."""
    frame = json.loads(base64.b64decode(chunk["frame"])) if chunk["frame"] else None
    return json.dumps({"refId": chunk["refId"], "frameId": chunk["frameId"], "frame": frame})
