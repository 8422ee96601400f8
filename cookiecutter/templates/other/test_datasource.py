from __future__ import annotations

import pytest
from headwater import Headwater
from headwater.errors import QueryError


def test_the_text_of_a_query_is_a_station(headwater: Headwater) -> None:
    frame = headwater.query("demo", "north")
    assert frame.name == "north"
    assert frame.table.column_names == ["time", "station", "level"]
    assert frame.num_rows == 60


def test_readings_are_spread_over_the_time_range(headwater: Headwater) -> None:
    query = {"station": "south", "rows": 2}
    frame = headwater.query("demo", query, from_="2026-01-01T00:00:00Z", to="2026-01-01T02:00:00Z")
    assert [time.hour for time in frame.table["time"].to_pylist()] == [0, 1]


def test_an_unknown_station_is_answered_with_the_known_ones(headwater: Headwater) -> None:
    with pytest.raises(QueryError, match="known are north, south"):
        headwater.query("demo", "nowhere")


def test_levels_are_rounded_as_the_settings_say(headwater: Headwater) -> None:
    headwater.update_data_source("demo", json_data={"decimals": 0})
    levels = headwater.query("demo", "north").table["level"].to_pylist()
    assert all(level == round(level) for level in levels)
