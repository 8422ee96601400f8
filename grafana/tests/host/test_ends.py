"""How processes end, what takes their place, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import DeadlineExceededError, HeadwaterError, PluginUnavailableError
from headwater.plugins import Target
from headwater_grafana import Isolation, ProcessLimits, ProcessPlugin
from servers.process import eventually

from .faulty import faulty, host_of, query, running, send, shell


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


def test_an_end_that_nobody_asked_for_is_in_the_hosts_log(caplog: pytest.LogCaptureFixture) -> None:
    plugin = faulty("well")
    with host_of(plugin) as host:
        query(host)
        assert send(signal.SIGKILL, plugin).wait(10)
        query(host)
        assert eventually(lambda: "was killed by SIGKILL" in caplog.text, 10)
    assert caplog.text.count("A plugin process has ended") == 1


def test_a_process_that_answers_nobody_any_more_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_grafana.host.process._SILENT_SECONDS", 2.0)
    plugin = faulty("well")
    with host_of(plugin) as host:
        query(host)
        process = send(signal.SIGSTOP, plugin)
        with pytest.raises(DeadlineExceededError):
            host.query("source", {}, timeout=0.5)
        assert process.wait(20)
        assert process.how_it_ended == "did not answer for 2 s and was killed"
        query(host)


def test_a_call_to_a_process_that_answers_nobody_any_more_does_not_wait_for_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headwater_grafana.host.process._SILENT_SECONDS", 0.5)
    plugin = faulty("well")
    with host_of(plugin) as host:
        query(host)
        send(signal.SIGSTOP, plugin)
        with pytest.raises(PluginUnavailableError, match=r"did not answer for 0\.5 s and was killed during"):
            host.query("source", {}, timeout=600)
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
        assert eventually(lambda: not running(plugin)._suspected, 10)
        assert not running(plugin).ended


def test_stopping_a_process_that_hangs_kills_it_and_what_it_has_started() -> None:
    plugin = faulty("hangs in a query")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        with pytest.raises(DeadlineExceededError):
            host.query("source", {}, timeout=0.5)
        pid = running(plugin).pid
    assert eventually(lambda: not Path(f"/proc/{pid}").exists(), 10)


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
    assert eventually(lambda: not _lives(pid), 10)


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
    assert eventually(lambda: not Path(f"/proc/{pid}").exists(), 10)


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
        assert eventually(lambda: threading.active_count() <= threads + 2, 10)
        assert eventually(lambda: _open_files() <= files + 2, 10)


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
