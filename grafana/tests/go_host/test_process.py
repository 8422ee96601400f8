"""A plugin process under go-plugin, from a packed folder with an empty environment to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater.frames import decode_grafana_file
from headwater_grafana.executables import platform_suffix
from headwater_grafana.pack.folder import pack
from servers.go_programs import GoHost, from_base64, in_base64, started
from servers.mysql_family import DatabaseServer
from servers.process import eventually

ID = "headwater-testdata-datasource"


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable in a packed folder, whose name has a blank."""
    folder = tmp_path_factory.mktemp("grafana plugins") / ID
    with Headwater() as headwater:
        pack(headwater.plugin_info("testdata"), folder, grafana_id=ID, python=Path(sys.executable))
    return folder / f"gpx_testdata_{platform_suffix()}"


@pytest.fixture
def go(go_host_program: Path, starter: Path) -> Iterator[GoHost]:
    with started(go_host_program, starter, environment={}) as host:
        yield host


def context(updated: int = 1, **settings: Any) -> dict[str, Any]:
    told = {
        "uid": "source",
        "name": "source",
        "jsonData": in_base64({}),
        "lastUpdatedMS": updated,
        **settings,
    }
    return {"orgId": 1, "pluginId": ID, "dataSourceInstanceSettings": told}


def query(**keys: Any) -> list[dict[str, Any]]:
    hour = {"fromEpochMS": 1_704_067_200_000, "toEpochMS": 1_704_070_800_000}
    return [{"refId": "A", "timeRange": hour, "json": in_base64(keys)}]


def test_a_packed_folder_answers_without_an_environment(go: GoHost) -> None:
    answer = go.call("Data.QueryData", {"pluginContext": context(), "queries": query(scenario="random_walk")})
    [frame] = answer.message["responses"]["A"]["frames"]
    assert decode_grafana_file(from_base64(frame)).name == "walk-0"


def test_an_answer_may_be_of_any_size(go: GoHost) -> None:
    rows = query(scenario="streaming_rows", rows=1_000_000, batchRows=65_536)
    response = go.call("Data.QueryData", {"pluginContext": context(), "queries": rows}).message["responses"][
        "A"
    ]
    frame = from_base64(response["frames"][0])
    assert len(frame) > 2**24  # the limit that Grafana once had
    assert decode_grafana_file(frame).num_rows == 1_000_000


def test_a_data_source_that_was_edited_is_built_anew(go: GoHost) -> None:
    def api_key(told: dict[str, Any]) -> Any:
        answer = go.call("Diagnostics.CheckHealth", {"pluginContext": told}).message
        return json.loads(from_base64(answer["jsonDetails"]))["apiKey"]

    assert api_key(context(updated=1)) == "not set"
    assert api_key(context(updated=2, decryptedSecureJsonData={"apiKey": "s3cret"})) == "set"


def test_a_stream_without_end_ends_when_the_host_cancels(go: GoHost) -> None:
    channel = {
        "pluginContext": context(), "path": "ticks",
        "data": in_base64({"scenario": "endless", "batchRows": 2, "delayMs": 1}),
    }  # fmt: skip
    assert go.call("Stream.SubscribeStream", channel).message["status"] == 0
    answer = go.call("Stream.RunStream", channel, cancel_after_messages=3)
    assert (answer.code, len(answer.messages)) == ("Canceled", 3)
    packets = [json.loads(from_base64(message["data"])) for message in answer.messages]
    assert [packet["data"]["values"][0] for packet in packets] == [[0, 1], [2, 3], [4, 5]]
    assert [sorted(packet) for packet in packets] == [["data", "schema"], ["data"], ["data"]]
    assert go.call("Stream.PublishStream", channel).message["status"] == 2


def test_a_canceled_call_ends_the_query_at_the_database(
    go_host_program: Path, mariadb: DatabaseServer
) -> None:
    told = context(
        url=mariadb.address, user=mariadb.user, database=mariadb.database,
        decryptedSecureJsonData={"password": mariadb.password},
    )  # fmt: skip
    command = (sys.executable, "-I", "-m", "headwater_grafana", "mysql")
    with started(go_host_program, *command) as go:
        asked = {"pluginContext": told, "queries": query(rawSql="SELECT SLEEP(60)")}
        assert go.call("Data.QueryData", asked, cancel_after_ms=300).code == "Canceled"
        running = "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60)%'"
        assert eventually(lambda: not mariadb.rows(running), 10)


def test_its_log_reaches_the_host_as_entries(go: GoHost) -> None:
    bug = query(scenario="error", error="bug", message="a fault of its own")
    go.call("Data.QueryData", {"pluginContext": context(), "queries": bug})

    def entries() -> list[dict[str, Any]]:
        return [line for line in go.log_lines() if line["@level"] == "error"]

    assert eventually(lambda: bool(entries()), 10)
    [entry] = entries()
    assert entry["@message"] == "A plugin raised an unexpected error."
    assert "RuntimeError: a fault of its own" in entry["error"]


def test_it_ends_when_the_host_says_so(go: GoHost) -> None:
    go.stop_plugin()
    assert go.exited()
    last = [line for line in go.log_lines() if line["@message"] == "plugin process exited"]
    assert "error" not in last[-1]  # neither a failure nor killed


def test_nothing_is_left_of_it_when_the_host_dies(go_host_program: Path, starter: Path) -> None:
    with GoHost(go_host_program, [starter]) as go:
        [pid] = {line["pid"] for line in go.log_lines() if line["@message"] == "plugin started"}
        os.kill(go.pid, signal.SIGKILL)
        assert eventually(lambda: not _is_running(pid), 10)


def _is_running(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
