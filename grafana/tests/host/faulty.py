"""Plugins that do wrong, and hosts with one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater import Headwater
from headwater_grafana import ProcessPlugin
from headwater_grafana.host.process import PluginProcess
from servers.process import stop

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


def shell(script: str, start_timeout: float = 20.0) -> ProcessPlugin:
    return ProcessPlugin(["sh", "-c", script], plugin_id="faulty", start_timeout=start_timeout)


def running(plugin: ProcessPlugin) -> PluginProcess:
    process = plugin.supervisor.process
    assert process is not None
    return process


def send(number: signal.Signals, plugin: ProcessPlugin) -> PluginProcess:
    """The plugin's process, after it got the signal."""
    process = running(plugin)
    assert process.pid is not None
    if number is signal.SIGSTOP:
        stop(process.pid)
    else:
        os.kill(process.pid, number)
    return process
