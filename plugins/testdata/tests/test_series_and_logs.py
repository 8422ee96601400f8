from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from headwater.frames import FieldConfig, Frame, FrameType, Visualisation
from headwater_testdata.noise import random_bits

Ask = Callable[..., list[Frame]]


def test_the_same_seed_gives_the_same_walk(ask: Ask) -> None:
    assert ask("random_walk", seed=7) == ask("random_walk", seed=7)
    assert ask("random_walk", seed=7) != ask("random_walk", seed=8)


def test_the_noise_is_the_published_splitmix64() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert random_bits(1234567, 0, 4).tolist() == published


def test_points_cover_the_time_range_at_the_interval(ask: Ask) -> None:
    times = ask("random_walk")[0].table.column("time").to_pylist()
    assert len(times) == 60
    assert times[0] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert {(b - a).total_seconds() for a, b in itertools.pairwise(times)} == {60}


@pytest.mark.parametrize("most", [1, 7, 59])
def test_there_are_never_more_points_than_asked_for(ask: Ask, most: int) -> None:
    assert 0 < ask("random_walk", max_data_points=most)[0].num_rows <= most


def test_multi_gives_a_labelled_frame_per_series(ask: Ask) -> None:
    frames = ask("random_walk", seriesCount=3)
    assert [frame.field(1).labels for frame in frames] == [{"series": f"walk-{i}"} for i in range(3)]
    assert {frame.meta.type for frame in frames if frame.meta} == {FrameType.TIME_SERIES_MULTI}


def test_wide_and_long_hold_the_values_of_multi(ask: Ask) -> None:
    series = [frame.table.column("value").to_pylist() for frame in ask("random_walk", seriesCount=2)]
    [wide] = ask("random_walk", seriesCount=2, format="wide")
    [long] = ask("random_walk", seriesCount=2, format="long")
    assert [field.values.to_pylist() for field in wide.fields[1:]] == series
    assert [field.labels for field in wide.fields[1:]] == [{"series": "walk-0"}, {"series": "walk-1"}]
    assert long.table.column("value").to_pylist() == [
        value for pair in zip(*series, strict=True) for value in pair
    ]
    assert long.table.column("series").to_pylist()[:2] == ["walk-0", "walk-1"]


@pytest.mark.parametrize("layout", ["multi", "wide", "long"])
def test_values_carry_the_unit_that_is_asked_for(ask: Ask, layout: str) -> None:
    [frame] = ask("random_walk", unit="bytes", format=layout)
    assert frame.fields[-1].config == FieldConfig(unit="bytes")
    [frame] = ask("random_walk", format=layout)
    assert frame.fields[-1].config is None


def test_log_lines_are_newest_first_and_within_the_range(ask: Ask) -> None:
    [frame] = ask("logs", rows=50)
    times = frame.table.column("timestamp").to_pylist()
    assert times == sorted(times, reverse=True)
    assert times[0] == datetime(2023, 11, 14, 23, 13, 20, tzinfo=UTC)
    assert times[-1] > datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_log_lines_say_how_to_show_them_and_carry_labels(ask: Ask) -> None:
    [frame] = ask("logs", rows=20)
    assert frame.meta is not None
    assert frame.meta.type == FrameType.LOG_LINES
    assert frame.meta.preferred_visualisation_type == Visualisation.LOGS
    assert all("host" in json.loads(labels) for labels in frame.table.column("labels").to_pylist())
    assert len(set(frame.table.column("id").to_pylist())) == 20


def test_a_trace_says_how_to_show_it_and_its_spans_lie_within_their_parents(ask: Ask) -> None:
    [frame] = ask("trace", spanCount=40)
    assert frame.meta is not None
    assert frame.meta.preferred_visualisation_type == Visualisation.TRACE
    spans = {span["spanID"]: span for span in frame.table.to_pylist()}
    assert len(spans) == 40
    roots = [span for span in spans.values() if not span["parentSpanID"]]
    assert [root["startTime"] for root in roots] == [1_700_000_000_000.0]
    for span in spans.values():
        parent = spans.get(span["parentSpanID"], span)
        assert parent["startTime"] <= span["startTime"]
        assert span["startTime"] + span["duration"] <= parent["startTime"] + parent["duration"] + 1e-3
    assert {span["statusCode"] for span in spans.values()} == {0, 2}
