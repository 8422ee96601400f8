"""Plugins that somebody else has started: in a debugger, say."""

from __future__ import annotations

import os
import signal

import pytest

from headwater.errors import DeadlineExceededError, PluginUnavailableError, ValidationError
from headwater_grafana import ProcessPlugin
from servers.plugin_process import PluginProcess
from servers.process import eventually, free_port, stop

from .faulty import host_of

ASKED = "random_walk"


def standalone(address: str) -> PluginProcess:
    variables = {"GF_PLUGIN_GRPC_ADDRESS_TESTDATA": address}
    return PluginProcess("testdata", environment=variables, arguments=["--standalone"])


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def test_a_plugin_that_is_attached_outlives_its_hosts(address: str) -> None:
    with standalone(address):
        for _ in range(2):
            with host_of(ProcessPlugin.attach(address, plugin_id="faulty")) as host:
                host.add_data_source("source", type="faulty")
                assert host.query("source", ASKED).num_rows > 0


def test_it_may_stand_at_a_breakpoint(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_grafana.host.process._SILENT_SECONDS", 0.1)
    attached = ProcessPlugin.attach(address, plugin_id="faulty")
    with standalone(address) as plugin, host_of(attached) as host:
        host.add_data_source("source", type="faulty")
        assert host.query("source", ASKED).num_rows > 0
        stop(plugin.pid)
        with pytest.raises(DeadlineExceededError):
            host.query("source", ASKED, timeout=2)
        os.kill(plugin.pid, signal.SIGCONT)
        assert host.query("source", ASKED).num_rows > 0
    assert attached.supervisor.restarts == 0


def test_it_may_be_started_again_at_its_address(address: str) -> None:
    with host_of(ProcessPlugin.attach(address, plugin_id="faulty")) as host:
        with standalone(address):
            host.add_data_source("source", type="faulty")
            assert host.query("source", ASKED).num_rows > 0
        with pytest.raises(PluginUnavailableError, match="cannot be reached") as gone:
            host.query("source", ASKED)
        assert gone.value.retryable

        def answers() -> bool:
            try:
                return host.query("source", ASKED).num_rows > 0
            except PluginUnavailableError:
                return False

        with standalone(address):
            assert eventually(answers, 30)


def test_one_that_is_not_there_says_so(address: str) -> None:
    with (
        host_of(ProcessPlugin.attach(address, plugin_id="faulty")) as host,
        pytest.raises(PluginUnavailableError, match="does not answer"),
    ):
        host.plugin_info("faulty")


@pytest.mark.parametrize("elsewhere", ["192.0.2.1:10001", "plugins.example.org:10001", ""])
def test_secrets_go_to_this_machine_only(elsewhere: str) -> None:
    with pytest.raises(ValidationError, match="address: cannot be used, because it listens elsewhere"):
        ProcessPlugin.attach(elsewhere)
