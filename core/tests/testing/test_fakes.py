"""A fake data source answers as it is told, and tells what it was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from headwater import Frame, Headwater
from headwater.errors import DownstreamConnectionError, QueryError
from headwater.models import HealthStatus
from headwater.testing import fake_source
from headwater.testing.fakes import Answer

COUNT = "SELECT count(*) AS n FROM orders"


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater(allow_plugins=[]) as host:
        yield host


@pytest.mark.parametrize(
    "answer",
    [[{"n": 3}], pa.table({"n": [3]}), Frame.from_pydict({"n": [3]})],
    ids=["rows", "table", "frame"],
)
def test_it_answers_a_text_with_rows_a_table_or_a_frame(headwater: Headwater, answer: Answer) -> None:
    shop = fake_source(headwater, "shop", {COUNT: answer})
    assert headwater.query("shop", COUNT).to_pylist() == [{"n": 3}]
    with headwater.stream("shop", {"rawSql": COUNT, "format": "table"}) as stream:
        assert stream.read_all().to_pylist() == [{"n": 3}]
    assert [query["rawSql"] for query in shop.queries] == [COUNT, COUNT]
    assert shop.queries[1]["format"] == "table"
    assert headwater.check_health("shop").status is HealthStatus.OK


def test_it_fails_as_it_is_told(headwater: Headwater) -> None:
    fake_source(headwater, "shop", {COUNT: DownstreamConnectionError("the server is down")})
    with pytest.raises(DownstreamConnectionError, match="the server is down"):
        headwater.query("shop", COUNT)


def test_a_text_without_an_answer_is_named(headwater: Headwater) -> None:
    fake_source(headwater, "shop", {})
    with pytest.raises(QueryError, match=r"no answer to 'SELECT 1'"):
        headwater.query("shop", "SELECT 1")


def test_a_function_answers_any_query(headwater: Headwater) -> None:
    fake_source(headwater, "metrics", lambda query: [{"expr": query["expr"]}], text_key="expr")
    assert headwater.query("metrics", "up").to_pylist() == [{"expr": "up"}]


@pytest.mark.parametrize("name", ["My shop", "Läden", "a/b: c"])
def test_it_has_any_name_that_data_sources_have(headwater: Headwater, name: str) -> None:
    fake_source(headwater, name, {COUNT: [{"n": 3}]})
    assert headwater.query(name, COUNT).to_pylist() == [{"n": 3}]


def test_one_host_has_several(headwater: Headwater) -> None:
    for name, rows in (("a", 1), ("b", 2)):
        fake_source(headwater, name, {"q": [{"n": 0}] * rows})
    assert [headwater.query(name, "q").num_rows for name in ("a", "b")] == [1, 2]
