"""A host whose one data source binds `params`, and tells what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.errors import DownstreamServerError
from headwater.frames import FrameMeta
from headwater.models import DataResponse, PluginInfo, QueryDataRequest, QueryDataResponse


class Binding:
    """A data source that binds `params`; `sql` is its text, and `rows` says how many rows it has."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.seconds: float | None = None

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        keys = ("sql", "params", "rows", "unit", "options")
        schema = {"properties": {key: {} for key in keys}, "additionalProperties": False}
        return PluginInfo("binding", query_text_key="sql", query_schema=schema)

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        [query] = request.queries
        self.asked.append(dict(query.json))
        self.seconds = context.remaining()
        if self.error is not None:
            return QueryDataResponse({query.ref_id: DataResponse.from_error(self.error)})
        values = query.json.get("regions", ["north", "south"])
        rows = int(query.json.get("rows", len(values)))
        most = context.limits.max_rows
        frame = Frame.from_pydict(
            {"region": [values[n % len(values)] for n in range(min(rows, most or rows))]}
        )
        meta = FrameMeta(executed_query_string=str(query.json["sql"]), custom={"sql": query.json["sql"]})
        return QueryDataResponse({query.ref_id: DataResponse((frame.with_(meta=meta),))})


def failing() -> DownstreamServerError:
    return DownstreamServerError("syntax error near 'SELECT salary FROM staff'", code=1064)


@pytest.fixture
def plugin() -> Binding:
    return Binding()


@pytest.fixture
def host(make_host: Callable[..., Headwater], plugin: Binding) -> Headwater:
    return make_host(shop=plugin)
