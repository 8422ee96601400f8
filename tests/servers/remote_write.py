"""Remote write, just enough to store samples, exemplars and native histograms in a test server.

A `prometheus.WriteRequest` in protobuf, wrapped in snappy's block format. Both are written by hand: the
messages are few, and snappy allows a body of literals only. Field numbers: prompb/remote.proto and
prompb/types.proto of Prometheus.
"""

from __future__ import annotations

import struct
import urllib.request
from collections.abc import Mapping, Sequence

import attrs


@attrs.frozen
class NativeHistogram:
    """Positive buckets `offset`, `offset + 1`, … of `schema`, as counts."""

    time: int
    schema: int
    offset: int
    buckets: tuple[int, ...]
    sum: float


@attrs.frozen
class Exemplar:
    time: int
    value: float
    labels: Mapping[str, str]


@attrs.frozen
class Series:
    """`samples` are (milliseconds, value)."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]] = ()
    histograms: Sequence[NativeHistogram] = ()
    exemplars: Sequence[Exemplar] = ()


def write(url: str, series: Sequence[Series]) -> None:
    """Store `series` in the server at `url`; raises urllib.error.HTTPError with its answer if it refuses."""
    body = _snappy(b"".join(_message(1, _series(one)) for one in series))
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    request = urllib.request.Request(f"{url}/api/v1/write", data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10):
        pass


def _series(series: Series) -> bytes:
    return b"".join(
        [
            *(_message(1, _label(name, series.labels[name])) for name in sorted(series.labels)),
            *(_message(2, _double(1, value) + _integer(2, time)) for time, value in series.samples),
            *(_message(3, _exemplar(exemplar)) for exemplar in series.exemplars),
            *(_message(4, _histogram(histogram)) for histogram in series.histograms),
        ]
    )


def _label(name: str, value: str) -> bytes:
    return _message(1, name.encode()) + _message(2, value.encode())


def _exemplar(exemplar: Exemplar) -> bytes:
    labels = b"".join(_message(1, _label(name, value)) for name, value in sorted(exemplar.labels.items()))
    return labels + _double(2, exemplar.value) + _integer(3, exemplar.time)


def _histogram(histogram: NativeHistogram) -> bytes:
    deltas = [
        count - before for before, count in zip((0, *histogram.buckets), histogram.buckets, strict=False)
    ]
    span = _integer(1, _zigzag(histogram.offset)) + _integer(2, len(histogram.buckets))
    return b"".join(
        [
            _integer(1, sum(histogram.buckets)),
            _double(3, histogram.sum),
            _integer(4, _zigzag(histogram.schema)),
            _double(5, 1e-128),
            _integer(6, 0),
            _message(11, span),
            _message(12, b"".join(_varint(_zigzag(delta)) for delta in deltas)),
            _integer(15, histogram.time),
        ]
    )


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _snappy(content: bytes) -> bytes:
    """Snappy's block format: the length, then literals of at most 60 bytes, which need a one-byte tag."""
    literals = [content[start : start + 60] for start in range(0, len(content), 60)]
    return _varint(len(content)) + b"".join(bytes([(len(each) - 1) << 2]) + each for each in literals)
