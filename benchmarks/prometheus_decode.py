"""Decoding a range answer to labels, counts, times (int64 ms) and values (float64), without a server."""

from __future__ import annotations

import json
import random
from functools import partial

import msgspec
import numpy as np
import orjson
from timing import print_table, time_side_by_side

from headwater_prometheus.answer import AnswerReader
from headwater_prometheus.document import decode_answer
from headwater_prometheus.series import collect

LARGE, SMALL = (2_000, 1_000), (1, 101)
Decoded = tuple[list[dict[str, str]], list[int], np.ndarray, np.ndarray]


def main() -> None:
    large, small = document(*LARGE), document(*SMALL)
    contenders = {
        "headwater": by_headwater,
        "msgspec structs + numpy": by_msgspec,
        "orjson + numpy": by_orjson,
        "json + loops": by_json,
    }
    check_that_all_agree([call(large) for call in contenders.values()])
    title = f"{LARGE[0]} series x {LARGE[1]} samples, {len(large) / 1e6:.0f} MB"
    print_table(
        title,
        time_side_by_side({name: partial(c, large) for name, c in contenders.items()}, rounds=7),
        unit="ms",
    )
    calls = {"headwater": lambda: decode_answer(small), "orjson + numpy": lambda: by_orjson(small)}
    print_table(f"{SMALL[1]} samples", time_side_by_side(calls, rounds=50, calls=100), unit="µs")


def document(series: int, samples: int) -> bytes:
    random.seed(7)
    result = [
        {
            "metric": {"__name__": "load", "job": f"job-{number % 20}", "instance": f"host-{number}:9100"},
            "values": [[1_704_067_200 + n * 15, repr(random.random())] for n in range(samples)],
        }
        for number in range(series)
    ]
    data = {"resultType": "matrix", "result": result}
    return orjson.dumps({"status": "success", "data": data})


def by_headwater(body: bytes) -> Decoded:
    view = memoryview(body)
    chunks = (bytes(view[start : start + 262_144]) for start in range(0, len(body), 262_144))
    block = collect(AnswerReader(chunks).blocks())
    return block.metrics, block.counts, block.times, block.values


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Series]


class _Document(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Document).decode


def by_msgspec(body: bytes) -> Decoded:
    series = _decode(body).data.result
    times = np.array([time for one in series for time, _ in one.values])
    values = np.array([value for one in series for _, value in one.values], np.float64)
    counts = [len(one.values) for one in series]
    return [one.metric for one in series], counts, np.rint(times * 1000).astype(np.int64), values


def by_orjson(body: bytes) -> Decoded:
    series = orjson.loads(body)["data"]["result"]
    times = np.concatenate([np.array([pair[0] for pair in one["values"]], np.float64) for one in series])
    values = np.concatenate([np.array([pair[1] for pair in one["values"]], np.float64) for one in series])
    counts = [len(one["values"]) for one in series]
    return [one["metric"] for one in series], counts, np.rint(times * 1000).astype(np.int64), values


def by_json(body: bytes) -> Decoded:
    times, values, metrics, counts = [], [], [], []
    for one in json.loads(body)["data"]["result"]:
        metrics.append(one["metric"])
        counts.append(len(one["values"]))
        for time, value in one["values"]:
            times.append(round(time * 1000))
            values.append(float(value))
    return metrics, counts, np.array(times, np.int64), np.array(values)


def check_that_all_agree(answers: list[Decoded]) -> None:
    first = answers[0]
    for other in answers[1:]:
        assert first[:2] == other[:2]
        assert np.array_equal(first[2], other[2])
        assert first[3].tobytes() == other[3].tobytes()


if __name__ == "__main__":
    main()
