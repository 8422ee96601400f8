"""What an operator sees of plugins in processes of their own."""

from __future__ import annotations

import os
import signal

from headwater import Headwater
from headwater.plugins import CorePlugin
from headwater_grafana import Isolation, ProcessPlugin
from headwater_server.http import create_app
from headwater_server.metrics import HostMetrics
from servers.http_host import run_host


def test_the_hosts_metrics_tell_of_restarts_and_where_calls_went() -> None:
    metrics = HostMetrics()
    with Headwater(
        allow_plugins={"testdata"}, plugin_sources=[Isolation()], middlewares=[metrics.plugin_middleware]
    ) as headwater:
        headwater.add_data_source("demo", type="testdata")
        with run_host(create_app(headwater, metrics=metrics)) as host, host.client("") as client:
            headwater.query("demo", "random_walk")
            assert 'process_restarts_total{plugin_id="testdata"} 0.0' in client.get("/metrics").text
            _kill(headwater.registry.plugin("testdata"))
            headwater.query("demo", "random_walk")
            text = client.get("/metrics").text
    assert 'headwater_plugin_process_restarts_total{plugin_id="testdata"} 1.0' in text
    assert 'endpoint="queryData",plugin_id="testdata",target="local"' in text


def _kill(plugin: object) -> None:
    assert isinstance(plugin, CorePlugin)
    assert isinstance(plugin.implementation, ProcessPlugin)
    process = plugin.implementation.supervisor.process
    assert process is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(10)
