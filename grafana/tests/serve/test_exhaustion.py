"""What a plugin process does that has no memory left."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf.message import EncodeError

from headwater_grafana.serve.server import _serialize

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
        [sys.executable, "-c", _WITHOUT_MEMORY], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "The plugin's process has no memory left, and ends.\n")


def test_a_large_answer_that_does_not_fit_fails_alone() -> None:
    with pytest.raises(EncodeError):
        _serialize(_TooLarge())  # type: ignore[arg-type]


class _TooLarge:
    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        raise EncodeError("Failed to serialize proto")
