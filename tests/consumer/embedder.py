"""A service that embeds a host. Types are asserted where a checker must know them, mistakes are marked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from gauges import GaugePlugin

from headwater import (
    AsyncFrameStream,
    AsyncHeadwater,
    CallContext,
    DataSource,
    Frame,
    FrameStream,
    Headwater,
    QueryLimits,
)
from headwater.errors import ErrorSource, HeadwaterError
from headwater.models import CallResourceResponse, CheckHealthResult, HealthStatus, QueryChunk


def ask(headwater: Headwater) -> int:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    frame = headwater.query("river", "north", from_=hour_ago, to="now", timeout=5)
    assert_type(frame, Frame)
    assert_type(headwater.query_frames("river", {"gauge": "south"}), list[Frame])
    assert_type(frame.to_pylist(), list[dict[str, Any]])
    with headwater.stream("river", "north") as stream:
        assert_type(stream, FrameStream)
        assert_type(stream.read_all(), Frame)
    health = headwater.check_health("river")
    assert_type(health, CheckHealthResult)
    assert health.status is HealthStatus.OK
    assert_type(headwater.call_resource("river", "tables"), CallResourceResponse)
    return frame.num_rows


def whose_fault(headwater: Headwater) -> ErrorSource | None:
    try:
        headwater.query("river", "")
    except HeadwaterError as error:
        assert_type(error.source, ErrorSource)
        return error.source
    return None


async def ask_without_blocking(headwater: Headwater) -> int:
    host = AsyncHeadwater(headwater)
    assert_type(await host.query("river", "north"), Frame)
    rows = 0
    async with host.stream("river", {"gauge": "north", "rows": 5}) as stream:
        assert_type(stream, AsyncFrameStream)
        async for batch in stream:
            rows += batch.num_rows
    async with await host.stream("river", "north") as stream:
        assert_type(stream, AsyncFrameStream)
    async for chunk in host.query_chunks("river", "north"):
        assert_type(chunk, QueryChunk)
    assert_type(await host.list_data_sources(), Sequence[DataSource])
    return rows


def mistakes(headwater: Headwater) -> None:
    """Never called. An ignored mistake that a checker no longer sees is an error of its own."""
    headwater.query("river", "north", timeout="5")  # type: ignore[arg-type]
    headwater.query("river", "north", max_row=5)  # type: ignore[call-arg]
    headwater.query(42, "north")  # type: ignore[arg-type]
    headwater.add_data_source("river", type="gauges", json={})  # type: ignore[call-arg]
    headwater.update_data_source("river", basic_auth="yes")  # type: ignore[arg-type]
    headwater.data_source("river").uid.reveal()  # type: ignore[attr-defined]


def main() -> None:
    with Headwater(limits=QueryLimits(max_rows=1000)) as headwater:
        headwater.add_plugin("gauges", GaugePlugin())
        river = headwater.add_data_source("river", type="gauges", secure_json_data={"apiKey": "k3y"})
        assert_type(river, DataSource)
        with CallContext(timeout=5) as context:
            assert headwater.query("river", "south", context=context).num_rows == 3
        print(ask(headwater), whose_fault(headwater), asyncio.run(ask_without_blocking(headwater)))


if __name__ == "__main__":
    main()
