from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from headwater import CallContext, Frame, FrameStream
from headwater.models import DataQuery, DataSourceInstanceSettings, TimeRange
from headwater.sdk import parse
from headwater_testdata.data_source import ScenarioSource
from headwater_testdata.query import ScenarioQuery
from headwater_testdata.settings import ScenarioSettings

HOUR = TimeRange.from_epoch_ms(1_700_000_000_000, 1_700_003_600_000)


def source(**json_data: Any) -> ScenarioSource:
    settings = parse(ScenarioSettings, json_data)
    return ScenarioSource(settings, DataSourceInstanceSettings(uid="u", name="demo", type="testdata"))


def query(scenario: str, **keys: Any) -> ScenarioQuery:
    request = DataQuery(time_range=HOUR, interval_ms=60_000, max_data_points=keys.pop("max_data_points", 100))
    return parse(ScenarioQuery, {"scenario": scenario, **keys}, injected={"data_query": request})


def run(scenario: str, context: CallContext | None = None, seed: int = 0, **keys: Any) -> list[Frame]:
    """The frames of a scenario, streams collected."""
    result = source(seed=seed).query(query(scenario, **keys), context or CallContext())
    if isinstance(result, FrameStream):
        with result:
            return [result.collect()]
    if isinstance(result, Frame):
        return [result]
    assert isinstance(result, Iterable)
    return list(result)


@pytest.fixture
def ask() -> Callable[..., list[Frame]]:
    """`ask(scenario, context=None, seed=0, **keys)`: the frames of a scenario, over one fixed hour."""
    return run


@pytest.fixture
def stream() -> Callable[..., FrameStream]:
    """`stream(scenario, context=None, **keys)`: a streaming scenario, not read yet."""

    def open_stream(scenario: str, context: CallContext | None = None, **keys: Any) -> FrameStream:
        result = source().query(query(scenario, **keys), context or CallContext())
        assert isinstance(result, FrameStream)
        return result

    return open_stream
