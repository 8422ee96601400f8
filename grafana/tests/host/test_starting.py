"""A plugin's process that does not start as it should says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    PluginRequestFailedError,
    PluginUnavailableError,
    ValidationError,
)
from headwater_grafana import ProcessPlugin

from .faulty import faulty, host_of, query, shell


@pytest.mark.parametrize(
    ("script", "seconds", "says"),
    [
        (r"printf '\377|2|||\n'; sleep 600", 20, "line that cannot be used, because its core protocol is"),
        ("echo Loading ...; sleep 600", 20, "line that cannot be used, because it is not a handshake"),
        ("sleep 600", 1, "did not say where it listens within 1 s"),
        ("sleep 600; echo '1|2|unix|/x|grpc'", 1, "did not say where it listens within 1 s"),
        ("echo no licence found >&2; exit 3", 20, "exited with status 3: no licence found"),
        ("kill -9 $$", 20, "was killed by SIGKILL"),
        ("echo '1|2|unix|/nowhere|grpc'; sleep 600", 20, "does not answer"),
    ],
    ids=["garbled", "chatty", "silent", "late", "exits", "killed", "nobody there"],
)
def test_a_plugin_that_does_not_start_says_why(script: str, seconds: float, says: str) -> None:
    with host_of(shell(script, seconds)) as host, pytest.raises(PluginUnavailableError, match=says):
        query(host)


def test_a_plugin_that_says_that_it_does_not_serve_is_not_asked() -> None:
    with (
        host_of(faulty("does not serve")) as host,
        pytest.raises(PluginUnavailableError, match="does not serve"),
    ):
        query(host)


def test_a_plugin_that_describes_itself_in_a_way_that_cannot_be_read_is_at_fault() -> None:
    with (
        host_of(faulty("unreadable description")) as host,
        pytest.raises(PluginRequestFailedError, match="told what cannot be read"),
    ):
        query(host)


def test_the_last_words_are_those_of_the_process_that_has_ended(tmp_path: Path) -> None:
    first_only = f"mkdir {tmp_path}/second 2>/dev/null && echo no licence found >&2; exit 3"
    plugin = shell(first_only)
    with pytest.raises(PluginUnavailableError, match="exited with status 3: no licence found"):
        plugin.describe_plugin()
    with pytest.raises(PluginUnavailableError, match=r"exited with status 3 before it could be asked\."):
        plugin.describe_plugin()
    plugin.stop_plugin()


def test_a_program_that_there_is_not_says_so() -> None:
    with (
        host_of(ProcessPlugin(["/no/such/program"], plugin_id="faulty")) as host,
        pytest.raises(PluginUnavailableError, match="/no/such/program cannot be started"),
    ):
        query(host)


def test_a_command_without_a_program_is_refused() -> None:
    with pytest.raises(ValidationError, match="command: names no program"):
        ProcessPlugin([])


def test_the_way_to_a_program_begins_where_the_host_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "plugins" / "licensed"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with (
        host_of(ProcessPlugin(["plugins/licensed"], plugin_id="faulty")) as host,
        pytest.raises(PluginUnavailableError, match="exited with status 3"),
    ):
        query(host)


def test_a_call_waits_for_the_start_no_longer_than_its_deadline() -> None:
    plugin = shell("sleep 600")
    try:
        with CallContext(timeout=0.3) as context, pytest.raises(DeadlineExceededError):
            plugin.supervisor.running(context)
    finally:
        plugin.stop_plugin()
