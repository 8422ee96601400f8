"""What goes wrong in a plugin's process ends there, with an error that says what it was."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    FrameError,
    HeadwaterError,
    PluginRequestFailedError,
    PluginUnavailableError,
    ValidationError,
)
from headwater.models import HealthStatus
from headwater.plugins import Target
from headwater_grafana import Isolation, ProcessLimits, ProcessPlugin

SCRIPT = Path(__file__).with_name("faulty_plugin.py")


def faulty(mode: str, start_timeout: float = 20.0, **options: object) -> ProcessPlugin:
    path = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return ProcessPlugin(
        [sys.executable, SCRIPT, mode],
        plugin_id="faulty",
        environment=path,
        start_timeout=start_timeout,
        **options,  # type: ignore[arg-type]
    )


@contextmanager
def host_of(plugin: ProcessPlugin) -> Iterator[Headwater]:
    """A host with the plugin, and a neighbour that answers afterwards, too."""
    with Headwater(allow_plugins={"testdata"}) as host:
        host.add_plugin("faulty", plugin)
        host.add_data_source("neighbour", type="testdata")
        yield host
        assert host.query("neighbour", "random_walk").num_rows > 0


def query(host: Headwater) -> object:
    if not any(source.name == "source" for source in host.list_data_sources()):
        host.add_data_source("source", type="faulty", secure_json_data={"apiKey": "very-secret"})
    return host.query("source", {})


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def shell(script: str, start_timeout: float = 20.0) -> ProcessPlugin:
    return ProcessPlugin(["sh", "-c", script], plugin_id="faulty", start_timeout=start_timeout)


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


def test_text_that_is_not_unicode_is_not_the_plugins_fault() -> None:
    with host_of(faulty("well")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        asked = {"refId": "A", "datasource": {"uid": uid}, "queryType": "\ud800"}
        answer = host.query_data({"from": "0", "to": "1", "queries": [asked]}).responses["A"]
        assert isinstance(answer.error, ValidationError)
        assert str(answer.error) == "query: holds text that is not valid Unicode"
        with pytest.raises(ValidationError, match="resource: holds text"):
            host.call_resource("source", "\ud800")


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


def test_a_process_that_dies_in_a_query_is_named_and_replaced() -> None:
    plugin = faulty("dies")
    with host_of(plugin) as host:
        with pytest.raises(PluginUnavailableError, match="was killed by SIGSEGV during the call") as died:
            query(host)
        assert died.value.retryable
        with pytest.raises(PluginUnavailableError, match="was killed by SIGSEGV during the call"):
            query(host)
        with pytest.raises(PluginUnavailableError, match=r"It can be started again in 1 s") as pause:
            query(host)
        assert pause.value.retryable
        assert plugin.supervisor.restarts == 1


@pytest.mark.parametrize("cause", [signal.SIGKILL, signal.SIGSEGV])
def test_a_stream_that_is_cut_is_never_taken_for_a_whole_one(cause: signal.Signals) -> None:
    plugin = faulty("hangs amid a stream")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        with host.stream("source", {}) as stream:
            assert next(stream).num_rows == 3
            assert plugin.supervisor.process is not None
            assert plugin.supervisor.process.pid is not None
            os.kill(plugin.supervisor.process.pid, cause)
            with pytest.raises(PluginUnavailableError, match=f"was killed by {cause.name}"):
                list(stream)


def test_a_process_that_answers_nobody_any_more_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_grafana.host.process._SILENT_SECONDS", 0.5)
    plugin = faulty("well")
    with host_of(plugin) as host:
        query(host)
        process = plugin.supervisor.process
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(DeadlineExceededError):
            host.query("source", {}, timeout=0.5)
        assert process.wait(20)
        assert process.how_it_ended == "did not answer for 0.5 s and was killed"
        query(host)


def test_a_query_that_takes_too_long_does_not_end_a_process_that_answers_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headwater_grafana.host.process._SILENT_SECONDS", 5.0)
    plugin = faulty("hangs in a query")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        with pytest.raises(DeadlineExceededError):
            host.query("source", {}, timeout=0.5)
        process = plugin.supervisor.process
        assert process is not None
        assert eventually(lambda: not process._suspected)
        assert not process.ended


def test_a_chunk_that_cannot_be_read_ends_the_call_while_its_error_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with host_of(faulty("broken chunk")) as host:
        host.add_data_source("source", type="faulty")
        stream = host.stream("source", {})
        next(stream)
        with pytest.raises(FrameError) as kept:
            next(stream)
        assert eventually(lambda: "the call has ended" in caplog.text)
        assert kept.value is not None
        stream.close()


def test_of_answers_without_end_to_one_question_the_second_is_an_error() -> None:
    with (
        host_of(faulty("answers without end")) as host,
        pytest.raises(PluginRequestFailedError, match="gave several answers, not one"),
    ):
        query(host)


def test_a_plugin_that_runs_out_of_time_of_its_own_says_so() -> None:
    with (
        host_of(faulty("out of time")) as host,
        pytest.raises(DeadlineExceededError, match="ran out of time"),
    ):
        query(host)


def test_broken_arrow_fails_its_query_and_not_its_neighbour() -> None:
    with host_of(faulty("broken Arrow")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        queries = [{"refId": name, "datasource": {"uid": uid}} for name in "AB"]
        answer = host.query_data({"from": "0", "to": "1", "queries": queries}).responses
        assert isinstance(answer["A"].error, FrameError)
        assert answer["B"].error is None
        assert answer["B"].frames[0].table.to_pydict() == {"n": [1, 2, 3]}


def test_a_format_that_nobody_has_defined_is_the_plugins_fault() -> None:
    with host_of(faulty("unknown format")) as host, pytest.raises(FrameError, match="data format 99"):
        query(host)


def test_a_status_that_there_is_not_is_that_of_an_answer() -> None:
    with host_of(faulty("unknown status")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        asked = {"refId": "A", "datasource": {"uid": uid}}
        assert host.query_data({"from": "0", "to": "1", "queries": [asked]}).responses["A"].status == 200


def test_an_error_without_source_or_status_is_the_plugins() -> None:
    with host_of(faulty("error without source")) as host:
        with pytest.raises(PluginRequestFailedError, match="it did not work") as failed:
            query(host)
        assert failed.value.status == 500


def test_an_unknown_health_is_unknown() -> None:
    with host_of(faulty("unknown health")) as host:
        host.add_data_source("source", type="faulty")
        result = host.check_health("source")
        assert (result.status, result.message) == (HealthStatus.UNKNOWN, "so-so")


def test_the_details_of_an_error_that_cannot_be_read_are_left_out() -> None:
    with (
        host_of(faulty("broken status")) as host,
        pytest.raises(PluginRequestFailedError, match="failed: it did not work"),
    ):
        query(host)


@pytest.mark.parametrize("mode", ["well", "deep health"])
def test_health_details_that_are_no_json_are_the_plugins_fault(mode: str) -> None:
    with host_of(faulty(mode)) as host:
        host.add_data_source("source", type="faulty")
        with pytest.raises(PluginUnavailableError, match="no JSON object"):
            host.check_health("source")


def test_a_process_that_does_not_stream_is_asked_for_whole_answers() -> None:
    with host_of(faulty("does not stream")) as host:
        host.add_data_source("source", type="faulty")
        with host.stream("source", {}) as stream:
            assert stream.read_all().table.to_pydict() == {"n": [1, 2, 3]}


def test_a_message_of_300_mb_is_read_within_the_limits_of_the_call() -> None:
    with host_of(faulty("300 MB")) as host:
        host.add_data_source("source", type="faulty")
        frame = host.query("source", {}, max_rows=1000, max_bytes=None, timeout=120)
        assert frame.num_rows == 1000
        assert "1000" in frame.notices[0].text


def test_secrets_are_masked_in_logs_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with host_of(faulty("tells secrets")) as host:
        with pytest.raises(HeadwaterError, match=r"wrong password \*\*\*\*"):
            query(host)
        assert eventually(lambda: "password is" in caplog.text)
    assert "password is ********" in caplog.text
    assert "very-secret" not in caplog.text


def test_what_a_plugin_prints_is_in_the_hosts_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    printing = (
        "import headwater_testdata.plugin as plugin, headwater_grafana.serve.process as process\n"
        "plugin.TestDataPlugin.notes = lambda self: print('hello from a driver') or ()\n"
        "process.serve_plugin('testdata')"
    )
    path = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    plugin = ProcessPlugin([sys.executable, "-P", "-c", printing], plugin_id="faulty", environment=path)
    with host_of(plugin) as host:
        query(host)
        assert eventually(lambda: "hello from a driver" in caplog.text)


def test_what_it_prints_after_the_handshake_keeps_nobody_waiting() -> None:
    with host_of(faulty("prints afterwards")) as host:
        query(host)


def test_stopping_a_process_that_hangs_kills_it_and_what_it_has_started() -> None:
    plugin = faulty("hangs in a query")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        with pytest.raises(DeadlineExceededError):
            host.query("source", {}, timeout=0.5)
        process = plugin.supervisor.process
        assert process is not None
        pid = process.pid
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_nothing_that_a_process_has_started_outlives_a_host_that_is_killed(tmp_path: Path) -> None:
    script = (
        "from headwater_grafana import ProcessPlugin\n"
        f"ProcessPlugin(['sh', '-c', 'sleep 600 & echo $! > {tmp_path}/pid; wait']).describe_plugin()"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as host:
        assert eventually(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), 30)
        pid = int((tmp_path / "pid").read_text())
        assert _lives(pid)
        host.kill()
    assert eventually(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    """A container without an init keeps what has ended as zombies."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_process_outlives_a_host_that_is_killed() -> None:
    script = (
        "import time\n"
        "from headwater import Headwater\n"
        "from headwater_grafana import Isolation\n"
        "host = Headwater(allow_plugins={'testdata'}, plugin_sources=[Isolation()])\n"
        "host.plugin_info('testdata')\n"
        "print(host.registry.plugin('testdata').implementation.supervisor.process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        host.kill()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_what_a_host_that_was_killed_has_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys, time\n"
        "from headwater_grafana import ProcessPlugin\n"
        "plugin = ProcessPlugin(['sh', '-c', 'touch begun; exec sleep 600'])\n"
        "plugin.supervisor._alive()\n"
        "time.sleep(600)"
    )

    def begun() -> list[Path]:
        return [each.parent for each in tmp_path.glob("*/begun")]

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with (
        subprocess.Popen([sys.executable, "-c", script], env=environment) as killed,
        subprocess.Popen([sys.executable, "-c", script], env=environment) as alive,
    ):
        assert eventually(lambda: len(begun()) == 2, 30)
        killed.kill()
        killed.wait()
        for folder in begun():
            os.utime(folder, (0, 0))  # long ago
        with pytest.raises(PluginUnavailableError):
            shell("exit 3").describe_plugin()
        left = begun()
        alive.kill()
    assert len(left) == 1


def test_a_hundred_restarts_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that starts quicker than Python does."""
    monkeypatch.setattr("headwater_grafana.host.supervisor._FIRST_PAUSE", 0.0)
    plugin = shell("exit 3")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        files, threads = _open_files(), threading.active_count()
        for _ in range(100):
            with pytest.raises(PluginUnavailableError, match="exited with status 3"):
                host.query("source", {})
        assert plugin.supervisor.restarts >= 100
        assert eventually(lambda: threading.active_count() <= threads + 2)
        assert eventually(lambda: _open_files() <= files + 2)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_driver_that_takes_too_much_memory_fails_alone() -> None:
    limited = Isolation({"testdata"}, limits=ProcessLimits(memory=400_000_000))
    with Headwater(allow_plugins={"testdata"}, plugin_sources=[limited]) as host:
        host.add_data_source("source", type="testdata")
        assert host.query("source", "random_walk").num_rows > 0
        with pytest.raises(HeadwaterError):
            host.query("source", {"scenario": "streaming_rows", "rows": 100_000_000}, max_rows=None,
                       max_bytes=None, timeout=60)  # fmt: skip
        assert eventually(lambda: _answers(host), 30.0)


def _answers(host: Headwater) -> bool:
    try:
        return host.query("source", "random_walk").num_rows > 0
    except HeadwaterError:  # it may be short of memory for a moment, before it ends or recovers
        return False


def test_limits_hold_for_the_process_and_its_user_is_another(tmp_path: Path) -> None:
    shown = tmp_path / "limits"
    limits = ProcessLimits(
        memory=2**30, cpu_seconds=60, open_files=100, user="nobody" if os.geteuid() == 0 else None
    )
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)
    script = f"ulimit -d -t -n -c > {shown}; ulimit -d >> {shown}; id -un >> {shown}; exit 3"
    plugin = ProcessPlugin(["bash", "-c", script], plugin_id="faulty", limits=limits)
    with host_of(plugin) as host, pytest.raises(PluginUnavailableError, match="exited with status 3"):
        query(host)
    text = shown.read_text()
    assert "1048576" in text
    assert " 60" in text
    assert " 100" in text
    assert ("nobody" in text) is (os.geteuid() == 0)


def test_plugins_that_run_elsewhere_say_so() -> None:
    with Headwater(allow_plugins={"testdata"}, plugin_sources=[Isolation()]) as host:
        plugin = host.registry.plugin("testdata")
        assert plugin is not None
        assert plugin.target is Target.LOCAL
        assert [record.target for record in host.plugins if record.usable] == [Target.LOCAL]
