"""A plugin in Go, made as Grafana's own are, answers through Headwater."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.errors import DownstreamError, HeadwaterError, PluginUnavailableError
from headwater.frames import Frame, decode_grafana_file, encode_grafana_file
from headwater.models import HealthStatus, User
from headwater_grafana import ProcessPlugin
from servers.process import eventually

ID = "acme-go-datasource"


@pytest.fixture(scope="module")
def headwater(go_plugin_program: Path) -> Iterator[Headwater]:
    with Headwater(allow_plugins=set()) as host:
        host.add_plugin(ID, ProcessPlugin([go_plugin_program], plugin_id=ID))
        host.add_data_source(
            "go", type=ID, url="https://go.example/", user="ada", database="db", json_data={"depth": 3},
            secure_json_data={"token": "s3cret!"},
        )  # fmt: skip
        host.add_data_source("ill", type=ID, url="bad")
        yield host


def ask(headwater: Headwater, **query: Any) -> Frame:
    return headwater.query("go", query)


def test_a_frame_in_json(headwater: Headwater) -> None:
    frame = ask(headwater, do="series", rows=3)
    assert (frame.name, frame.to_pylist()) == ("series", [{"value": 0}, {"value": 1}, {"value": 2}])


def test_a_frame_in_arrow(headwater: Headwater) -> None:
    table = pa.table({
        "time": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("ns", tz="UTC")),
        "big": pa.array([2**63 - 1, -1]),
        "text": pa.array(["Zürich", None]),
    })  # fmt: skip
    file = encode_grafana_file(Frame.from_table(table, name="arrow"))
    frame = ask(headwater, do="arrow", arrow=base64.b64encode(file).decode())
    assert frame.with_ref_id("") == decode_grafana_file(file).with_ref_id("")


def test_an_error_keeps_its_text_source_and_status(headwater: Headwater) -> None:
    with pytest.raises(DownstreamError, match="the database is down") as failed:
        ask(headwater, do="fail", message="the database is down", status=502, source="downstream")
    assert (failed.value.status, failed.value.source) == (502, "downstream")
    with pytest.raises(HeadwaterError, match="a bug") as bug:
        ask(headwater, do="fail", message="a bug", status=500, source="plugin")
    assert (bug.value.status, bug.value.source) == (500, "plugin")


def test_the_plugin_is_told_of_the_data_source_and_of_who_asks(headwater: Headwater) -> None:
    answer = headwater.query_data(
        {"queries": [{"refId": "A", "datasource": {"uid": headwater.data_source("go").uid}, "do": "echo",
                      "maxDataPoints": 7, "intervalMs": 2000}],
         "from": "1704067200000", "to": "1704070800000"},
        user=User("ada", "Ada", "ada@example.org", "Admin"),
    )  # fmt: skip
    [frame] = answer.responses["A"].frames
    seen = json.loads(frame.to_pylist()[0]["text"])
    told, query = seen["context"], seen["query"]
    assert told["user"] == {"login": "ada", "name": "Ada", "email": "ada@example.org", "role": "Admin"}
    assert (told["url"], told["dataSourceUser"], told["database"]) == ("https://go.example/", "ada", "db")
    assert (told["jsonData"], told["secrets"], told["pluginId"]) == ({"depth": 3}, {"token": 7}, ID)
    assert told["updated"] > 0
    assert (query["maxDataPoints"], query["intervalMS"]) == (7, 2000)
    assert query["timeRange"] == {"fromEpochMS": 1704067200000, "toEpochMS": 1704070800000}


def test_chunks_are_one_stream(headwater: Headwater) -> None:
    with headwater.stream("go", {"do": "series", "rows": 1000, "chunks": 50}) as stream:
        table = pa.table(stream)
    assert table.column("value").to_pylist() == list(range(50_000))


def test_a_stream_that_is_closed_early_ends_in_the_plugin(headwater: Headwater, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    with headwater.stream(
        "go", {"do": "series", "rows": 1000, "chunks": 10**6, "file": str(ended)}
    ) as stream:
        next(iter(stream))
    assert eventually(ended.exists, 10)


def test_the_end_of_a_call_reaches_the_plugin(headwater: Headwater, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    with pytest.raises(HeadwaterError):
        headwater.query("go", {"do": "wait", "file": str(ended)}, timeout=2)
    assert eventually(ended.exists, 10)


def test_an_answer_may_be_of_any_size(headwater: Headwater) -> None:
    frame = ask(headwater, do="huge", bytes=40_000_000)
    assert len(frame.table.column("text")[0].as_py()) == 40_000_000


def test_health_and_its_details(headwater: Headwater) -> None:
    well, ill = headwater.check_health("go"), headwater.check_health("ill")
    assert (well.status, well.message, well.details["jsonData"]) == (
        HealthStatus.OK,
        "Go is well",
        {"depth": 3},
    )
    assert (ill.status, ill.message, ill.details) == (HealthStatus.ERROR, "The URL is bad", {"url": "bad"})


def test_a_resource(headwater: Headwater) -> None:
    answer = headwater.call_resource("go", "items/7", method="POST", body=b"hello")
    assert answer.status == 201
    assert json.loads(answer.body)["body"] == "hello"
    assert headwater.call_resource("go", "three").body == b"part 1;part 2;part 3;"
    with pytest.raises(HeadwaterError):
        headwater.call_resource("go", "nothing")


@pytest.mark.parametrize(
    ("fault", "words"), [("exit", "exited with status 7"), ("segfault", "exited with status 2")]
)
def test_a_process_that_dies_is_replaced(headwater: Headwater, fault: str, words: str) -> None:
    with pytest.raises(PluginUnavailableError, match=words):
        ask(headwater, do=fault)
    assert eventually(lambda: _answers(headwater), 20)


def _answers(headwater: Headwater) -> bool:
    try:
        return ask(headwater, do="series", rows=1).num_rows == 1
    except PluginUnavailableError:  # while it starts
        return False
