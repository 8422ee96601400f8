from __future__ import annotations

import pytest
from headwater import Headwater
from headwater.errors import QueryError
from headwater.models import TimeRange

from fake_api import FakeApi


def test_a_data_source_without_a_url_answers_from_memory(headwater: Headwater) -> None:
    frame = headwater.query("demo", {"station": "north", "rows": 3})
    assert frame.table.column_names == ["time", "station", "level"]
    assert frame.table["level"].to_pylist() == [4.0, 4.12, 4.25]


def test_the_api_gives_the_same_answer(headwater: Headwater, api: FakeApi) -> None:
    hour = TimeRange.from_epoch_ms(1_767_225_600_000, 1_767_229_200_000)
    expected = headwater.query("demo", "north", time_range=hour)
    headwater.update_data_source("demo", url=api.url)
    assert headwater.query("demo", "north", time_range=hour) == expected


def test_the_key_is_sent_with_each_request(headwater: Headwater, api: FakeApi) -> None:
    headwater.update_data_source("demo", url=api.url, secure_json_data={"apiKey": "a key"})
    headwater.query("demo", "north")
    assert api.keys[-1] == "a key"


def test_the_apis_words_about_a_wrong_query_reach_the_caller(headwater: Headwater, api: FakeApi) -> None:
    headwater.update_data_source("demo", url=api.url)
    with pytest.raises(QueryError, match="known are north, south"):
        headwater.query("demo", "nowhere")
