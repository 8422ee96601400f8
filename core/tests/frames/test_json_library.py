"""The JSON library may be orjson or the standard one: what comes out is the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from headwater.frames import Frame, FrameError, FrameMeta, json_text


@pytest.fixture(params=["orjson", "standard library"], autouse=True)
def json_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "standard library":
        monkeypatch.setattr(json_text, "orjson", None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"é": [1, 1.5, None, True]}, '{"é":[1,1.5,null,true]}'),
        ([math.nan, math.inf, {"x": (-math.inf,)}], '[null,null,{"x":[null]}]'),
        ([math.nan, "text", 1, None, True], '[null,"text",1,null,true]'),
        ([2**64 - 1, -(2**63), 2**70], f"[{2**64 - 1},{-(2**63)},{2**70}]"),
        ("\u2028\x00", '"\u2028\\u0000"'),
    ],
)
def test_values_are_written_compactly_in_utf8(value: Any, text: str) -> None:
    assert json_text.dumps(value).decode() == text


@pytest.mark.parametrize("value", ["\ud800", {1, 2}, object()])
def test_what_json_cannot_say_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"not representable|surrogates"):
        json_text.dumps([value])


def test_a_cycle_is_a_value_error() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="not representable"):
        json_text.dumps(cycle)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "u8", "?"])
def test_arrays_are_written_without_nan(dtype: str) -> None:
    values = np.array([0, 1, 1], dtype)
    expected = {"f": "[0.0,1.0,null]", "?": "[false,true,true]"}.get(dtype[0], "[0,1,1]")
    if dtype[0] == "f":
        values[2] = np.nan
    assert json_text.dumps_array(values).decode() == expected


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"-Infinity", b"\xff", b"[1,]", b"[" * 100_000])
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        json_text.loads(text)


def test_text_and_any_buffer_can_be_read() -> None:
    assert json_text.loads('{"a": 1}') == json_text.loads(memoryview(b'{"a": 1}')) == {"a": 1}


def test_meta_that_json_cannot_say_is_a_frame_error() -> None:
    with pytest.raises(FrameError, match="meta: not representable in JSON"):
        Frame.from_pydict({"a": [1]}, meta=FrameMeta(custom={"when": object()}))
