"""Sample texts become exact numbers by either route."""

from __future__ import annotations

import json
import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from headwater.errors import DownstreamProtocolError
from headwater_prometheus import samples as samples_module
from headwater_prometheus.samples import count_samples, cut_samples, decode_samples

TIMES = st.integers(-(10**12), 10**13).map(lambda ms: ms / 1000)
VALUES = st.floats(width=64)


def go_text(value: float) -> str:
    """As Prometheus writes a value: the shortest text, with a sign on exponents and infinities."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def text_of(pairs: list[tuple[float, float]]) -> bytes:
    return json.dumps([[time, go_text(value)] for time, value in pairs], separators=(",", ":")).encode()


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


@pytest.fixture(params=["numpy", "csv"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both routes take any size; the size only chooses the faster one."""
    monkeypatch.setattr(samples_module, "_SMALL", 2**60 if request.param == "numpy" else 0)
    return str(request.param)


@pytest.mark.parametrize("limit", [0, 2**60], ids=["csv", "numpy"])
@given(series=st.lists(st.lists(st.tuples(TIMES, VALUES))))
def test_every_float_survives_bit_by_bit(limit: int, series: list[list[tuple[float, float]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples_module, "_SMALL", limit)
        times, values = decode_samples([text_of(pairs) for pairs in series])
    expected = [pair for pairs in series for pair in pairs]
    assert times.tolist() == [round(time * 1000) for time, _ in expected]
    assert [bits(value) for value in values] == [bits(value) for _, value in expected]


@pytest.mark.parametrize(
    "text", ["NaN", "+Inf", "-Inf", "-0", "4.9e-324", "1e+21", "2.2250738585072014e-308"]
)
def test_special_values_are_exact(route: str, text: str) -> None:
    _, values = decode_samples([f'[[1.5,"{text}"]]'.encode()])
    assert bits(values[0]) == bits(float(text))


def test_whitespace_does_not_matter(route: str) -> None:
    times, values = decode_samples([b'[\n  [ 1.5, "2" ],\r\n\t[3,"4"] ]', b"[ ]"])
    assert times.tolist() == [1500, 3000]
    assert values.tolist() == [2.0, 4.0]


def test_nothing_gives_empty_arrays(route: str) -> None:
    times, values = decode_samples([b"[]", b"[]"])
    assert times.dtype == np.int64
    assert values.dtype == np.float64
    assert len(times) == len(values) == 0


@pytest.mark.parametrize(
    "text",
    [
        b'[[1,"x"]]',
        b'[[1,""]]',
        b'[["1"]]',
        b'[[1,"2","3"]]',
        b'[["x",1]]',
        b'[[1,"0x10"]]',
        b'[[1,"2 3"],["4"]]',
    ],
)
def test_anything_but_pairs_of_numbers_is_a_protocol_error(route: str, text: bytes) -> None:
    with pytest.raises(DownstreamProtocolError):
        decode_samples([text])


@pytest.mark.parametrize("time", ["1e400", "1e300", "9999999999999999", "-9999999999999999"])
def test_a_time_that_no_column_holds_is_a_protocol_error(route: str, time: str) -> None:
    with pytest.raises(DownstreamProtocolError, match="out of range"):
        decode_samples([f'[[1,"1"],[{time},"1"]]'.encode()])


def test_samples_are_counted_without_being_read() -> None:
    assert count_samples([b'[[1,"2"],[3,"4"]]']) == 2
    assert count_samples([b"[]"]) == 0


@given(
    pairs=st.lists(st.tuples(st.integers(0, 10**6), st.floats(allow_nan=False, allow_infinity=False))),
    size=st.integers(40, 200),
)
def test_parts_hold_the_samples_of_the_whole(pairs: list[tuple[int, float]], size: int) -> None:
    text = "[" + ",".join(f'[{time},"{value}"]' for time, value in pairs) + "]"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples_module, "_PART_BYTES", size)
        parts = cut_samples(msgspec.Raw(text.encode()))
        times, values = decode_samples(parts)
    assert count_samples(parts) == len(pairs)
    assert list(zip((times // 1000).tolist(), values.tolist(), strict=True)) == pairs


def test_a_pair_that_is_longer_than_a_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_PART_BYTES", 100)
    with pytest.raises(DownstreamProtocolError, match="not a time and a number"):
        cut_samples(msgspec.Raw(b'[[1,"%b"]]' % (b"1" * 200)))
