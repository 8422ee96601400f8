"""What a plugin process does that has no memory left."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf.message import EncodeError

from headwater_grafana.serve.server import _serialize

_WITHOUT_MEMORY = """
from google.protobuf.message import EncodeError
from headwater_grafana.serve.server import _serialize

class Answer:
    def SerializeToString(self):
        raise EncodeError("Failed to serialize proto")

    def ByteSize(self):
        return 100

_serialize(Answer())
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

    def ByteSize(self) -> int:  # noqa: N802 - protobuf's name
        return 2**31
