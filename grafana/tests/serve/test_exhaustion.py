"""What a plugin process does that has no memory left."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import grpc
import pytest
from google.protobuf.message import EncodeError

from headwater_grafana.serve.server import _serialize
from servers.plugin_process import PluginProcess

_WITHOUT_MEMORY = """
import resource
from pathlib import Path
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.serve.server import _serialize

answer = pb.DataResponse(error="x" * 100_000_000)
[taken] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line]
resource.setrlimit(resource.RLIMIT_DATA, (int(taken) * 1024, int(taken) * 1024))
kept = []
try:
    while True:
        kept.append(bytes(100_000))
except MemoryError:
    _serialize(answer)
"""


def test_it_ends_when_not_even_a_small_answer_fits() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_MEMORY],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COVERAGE_PROCESS_START": ""},
    )  # fmt: skip - and no measuring, which takes memory
    assert (ended.returncode, ended.stderr) == (1, "The plugin's process has no memory left, and ends.\n")


_WITHOUT_THREADS = """
import headwater.calls.worker_pool as pools, headwater_grafana.serve.process as process

started = []
def start(self, task, start=pools.WorkerPool._start):
    if started:
        raise RuntimeError("can't start new thread")
    started.append(task)  # what warms the plugin up
    start(self, task)

pools.WorkerPool._start = start
process.serve_plugin("testdata")
"""


def test_it_ends_when_no_thread_can_be_had_for_a_call_and_so_does_the_call() -> None:
    with PluginProcess("testdata", command=[sys.executable, "-P", "-c", _WITHOUT_THREADS]) as plugin:
        with pytest.raises(grpc.RpcError) as failed:
            plugin.stub("pluginv2.Data").query_data(plugin.query({"scenario": "no_data"}), timeout=60)
        error: Any = failed.value
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert plugin.wait() == 1
        assert "can take no more calls, and ends" in plugin.log


def test_a_large_answer_that_does_not_fit_fails_alone() -> None:
    with pytest.raises(EncodeError):
        _serialize(_TooLarge())  # type: ignore[arg-type]


class _TooLarge:
    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        raise EncodeError("Failed to serialize proto")
