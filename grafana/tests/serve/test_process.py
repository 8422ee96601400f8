"""A plugin process from its handshake to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from headwater_grafana.protocol import go_plugin_pb2, native_pb2
from headwater_grafana.protocol.handshake import COOKIE, Handshake
from servers.plugin_process import PluginProcess
from servers.process import free_port


def test_without_the_cookie_it_says_what_it_is_and_ends() -> None:
    with PluginProcess("testdata", environment={}) as plugin:
        assert (plugin.line, plugin.wait()) == ("", 1)
        assert "This is a plugin" in plugin.log


def test_a_plugin_that_is_not_installed_is_named() -> None:
    with PluginProcess("no_such_plugin") as plugin:
        assert (plugin.line, plugin.wait()) == ("", 1)
        assert "No plugin 'no_such_plugin' is installed here." in plugin.log


def test_its_socket_is_in_a_folder_that_nobody_else_may_enter() -> None:
    with PluginProcess("testdata") as plugin:
        handshake = Handshake.parse(plugin.line)
        assert handshake.network == "unix"
        folder = os.path.dirname(handshake.address)  # noqa: PTH120 - as it stands in the line
        assert os.stat(folder).st_mode & 0o777 == 0o700  # noqa: PTH116
        plugin.stub("plugin.GRPCController").shutdown(go_plugin_pb2.Empty())
        assert plugin.wait() == 0
        assert not os.path.exists(folder)  # noqa: PTH110


def test_what_is_printed_goes_to_the_host_and_not_between_its_lines() -> None:
    noisy = (
        "import sys, headwater_testdata.plugin as plugin, headwater_grafana.serve.process as process\n"
        "plugin.TestDataPlugin.notes = lambda self: print('hello from a driver') or ()\n"
        "process.serve_plugin('testdata')"
    )
    with PluginProcess("testdata", command=[sys.executable, "-P", "-c", noisy]) as plugin:
        Handshake.parse(plugin.line)
        output = plugin.stub("plugin.GRPCStdio").stream_stdio(go_plugin_pb2.Empty())
        plugin.stub("headwater.plugin.v1.Native").describe(native_pb2.DescribeRequest())
        assert next(output).data == b"hello from a driver\n"
        plugin.stub("plugin.GRPCController").shutdown(go_plugin_pb2.Empty())
        assert list(output) == []
        assert plugin.wait() == 0


@pytest.mark.parametrize("fields", ["message='hello'", "odd={(1, 2): 3}", "text='\u00e9' * 40_000"])
def test_a_line_of_the_log_fails_no_call_and_is_one_line_for_the_host(fields: str) -> None:
    logging = (
        "import headwater_testdata.plugin as plugin, headwater_grafana.serve.process as process\n"
        "from headwater.logs import get_logger\n"
        f"note = lambda self: get_logger().info('Noted: ' + 'é' * 20_000, {fields}) or ()\n"
        "plugin.TestDataPlugin.notes = note\n"
        "process.serve_plugin('testdata')"
    )
    with PluginProcess("testdata", command=[sys.executable, "-P", "-c", logging]) as plugin:
        plugin.stub("headwater.plugin.v1.Native").describe(native_pb2.DescribeRequest())
        [line] = [line for line in plugin.log.splitlines() if "Noted" in line]
    assert json.loads(line)["@level"] == "info"
    assert json.loads(line)["@message"].startswith("Noted: éé")
    assert len(line) < 64 * 1024


def test_a_bug_in_a_hook_is_told_without_its_text() -> None:
    buggy = (
        "import headwater_testdata.plugin as plugin, headwater_grafana.serve.process as process\n"
        "plugin.TestDataPlugin.answer_traits = lambda *_: {}['dsn with a password']\n"
        "process.serve_plugin('testdata')"
    )
    with PluginProcess("testdata", command=[sys.executable, "-P", "-c", buggy]) as plugin:
        request = native_pb2.DescribeAnswerRequest(
            plugin_context=plugin.context(), query=plugin.query({"scenario": "random_walk"}).queries[0]
        )
        with pytest.raises(grpc.RpcError) as failed:
            plugin.stub("headwater.plugin.v1.Native").describe_answer(request)
        error: Any = failed.value
    assert "KeyError" in error.details()
    assert "password" not in error.details()


def test_pandas_takes_no_memory_of_a_plugin_that_does_not_use_it() -> None:
    with PluginProcess("testdata") as plugin:
        ask = plugin.stub("pluginv2.Data").query_data
        assert ask(plugin.query({"scenario": "random_walk"})).responses["A"].status == 200
        loaded = Path(f"/proc/{plugin.pid}/maps").read_text()
    assert "pyarrow" in loaded
    assert "/pandas/" not in loaded


def test_ctrl_c_in_the_hosts_terminal_does_not_end_it() -> None:
    with PluginProcess("testdata") as plugin:
        os.kill(plugin.pid, signal.SIGINT)
        ask = plugin.stub("pluginv2.Data").query_data
        assert ask(plugin.query({"scenario": "random_walk"})).responses["A"].status == 200


def test_sigterm_ends_it() -> None:
    with PluginProcess("testdata") as plugin:
        os.kill(plugin.pid, signal.SIGTERM)
        assert plugin.wait() == 0


def test_shutdown_lets_a_short_query_end_and_cancels_a_long_one() -> None:
    with PluginProcess("testdata") as plugin:
        ask = plugin.stub("pluginv2.Data").query_data
        short = ask.future(plugin.query({"scenario": "slow", "delayMs": 600}))
        long = ask.future(plugin.query({"scenario": "slow", "delayMs": 60_000}))
        assert ask(plugin.query({"scenario": "random_walk"})).responses["A"].status == 200
        plugin.stub("plugin.GRPCController").shutdown(go_plugin_pb2.Empty())
        assert short.result().responses["A"].status == 200
        assert long.exception().code() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
        assert plugin.wait() == 0


def test_it_ends_with_a_host_that_is_killed() -> None:
    script = (
        "import subprocess, sys, time\n"
        "plugin = subprocess.Popen([sys.executable, '-P', '-m', 'headwater_grafana', 'testdata'])\n"
        "print(plugin.pid, flush=True)\n"
        "time.sleep(600)"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", script],
        env=dict((COOKIE,)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert host.stdout is not None
    with host, host.stdout:
        pid = int(host.stdout.readline())
        Handshake.parse(host.stdout.readline())
        host.kill()
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the plugin outlived its host by five seconds")


def test_standalone_it_listens_where_the_variable_says() -> None:
    address = f"127.0.0.1:{free_port()}"
    variables = {"GF_PLUGIN_GRPC_ADDRESS_TESTDATA": address}
    with PluginProcess("testdata", environment=variables, arguments=["--standalone"]) as plugin:
        assert plugin.line == f"testdata listens on {address}\n"
        plugin.line = Handshake("tcp", address).line
        ask = plugin.stub("pluginv2.Data").query_data
        assert ask(plugin.query({"scenario": "random_walk"})).responses["A"].status == 200
        os.kill(plugin.pid, signal.SIGINT)
        assert plugin.wait() == 0


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:http", "127.0.0.1:65536", ":10001"])
def test_a_wrong_address_to_debug_it_at_is_named(address: str) -> None:
    variables = {"GF_PLUGIN_GRPC_ADDRESS_TESTDATA": address}
    with PluginProcess("testdata", environment=variables, arguments=["--standalone"]) as plugin:
        assert (plugin.line, plugin.wait()) == ("", 1)
        assert f"GF_PLUGIN_GRPC_ADDRESS_TESTDATA is '{address}'" in plugin.log


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        variables = {"GF_PLUGIN_GRPC_ADDRESS_TESTDATA": address}
        with PluginProcess("testdata", environment=variables, arguments=["--standalone"]) as plugin:
            assert (plugin.line, plugin.wait()) == ("", 1)
            assert f"cannot listen on {address}" in plugin.log
