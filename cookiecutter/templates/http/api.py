"""The API: which requests there are, and what its failures mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from headwater.errors import DownstreamProtocolError, QueryError
from headwater.sdk import CallContext, DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings, HttpResponse

from . import __version__, sample
from .query import LevelQuery
from .settings import Settings


class Api:
    """REPLACE the paths, parameters and answers with your API's. Opens nothing before its first request."""

    def __init__(self, settings: Settings, instance: DataSourceInstanceSettings) -> None:
        self._settings = settings
        self._client = HttpClient(
            HttpClientSettings.from_instance(instance),
            user_agent=f"headwater-{{ cookiecutter.slug }}/{__version__}",
        )

    def stations(self, context: CallContext) -> list[str]:
        with self._get("stations", {}, context) as response:
            try:
                return list(map(str, json.loads(response.read())))
            except (ValueError, TypeError) as error:
                raise DownstreamProtocolError("The API's list of stations is no JSON list.") from error

    def readings(self, query: LevelQuery, context: CallContext) -> Iterator[bytes]:
        """JSON lines as they arrive, in pieces of any size."""
        params = {
            "station": query.station,
            "rows": str(query.rows),
            "from": str(query.time_range.from_ms),
            "to": str(query.time_range.to_ms),
        }
        with self._get("readings", params, context) as response:
            yield from response.stream_chunks()

    def close(self) -> None:
        self._client.close()

    def _get(self, path: str, params: Mapping[str, str], context: CallContext) -> HttpResponse:
        """The client uses `context.on_cancel`: a cancelled call closes its connection."""
        key = self._settings.api_key
        headers = {"X-Api-Key": key.reveal()} if key else {}
        response = self._client.request("GET", path, params=params, headers=headers, context=context)
        if response.status == 400:
            raise QueryError(response.excerpt())
        response.raise_for_status()
        return response


class SampleApi:
    """Stands in for `Api` while the data source has no URL. REPLACE: delete it, and `sample`."""

    def stations(self, context: CallContext) -> list[str]:
        return list(sample.STATIONS)

    def readings(self, query: LevelQuery, context: CallContext) -> Iterator[bytes]:
        return sample.readings(query.station, query.rows, query.time_range)

    def close(self) -> None:
        """Nothing is open."""
