"""Frames to Grafana's JSON and back, beside what one would write by hand with orjson or msgspec.

The peers do less: they write no schema, and what they write for NaN is null without a trace.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial

import msgspec
import orjson
import pyarrow as pa
from frames_data import distinct_strings, extra_peak_in_child, extra_peak_mib, mixed_table, numbers_table
from timing import print_table, time_side_by_side

from headwater.frames import Frame, decode_frame, encode_frame, iter_frame

ROWS, SMALL_ROWS = 1_000_000, 1_000
NUMBERS = ((2, 100), (4, 1_000))
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--memory", metavar="CONTENDER", help="print one contender's extra peak memory in MiB"
    )
    contender = parser.parse_args().memory
    if contender:
        call = encoders(mixed_table(ROWS))[contender]
        encoders(mixed_table(SMALL_ROWS))[contender]()
        print(extra_peak_mib(call))
        return

    large = encoders(mixed_table(ROWS))
    assert_equal_values(mixed_table(SMALL_ROWS))
    print_table(f"encode {ROWS:,} x 4", time_side_by_side(large, rounds=ROUNDS))
    print("\nextra peak memory of the same (MiB)")
    for name in large:
        print(f"  {name:44}{extra_peak_in_child(__file__, name):10.1f}")
    small = encoders(mixed_table(SMALL_ROWS))
    print_table(f"encode {SMALL_ROWS:,} x 4", time_side_by_side(small, rounds=50, calls=20), unit="µs")
    for columns_, rows in NUMBERS:
        shape = f"encode {rows:,} x {columns_} numbers"
        print_table(shape, time_side_by_side(number_encoders(rows, columns_), rounds=50, calls=50), unit="µs")
    strings = encoders(distinct_strings(ROWS))
    print_table(f"encode {ROWS:,} distinct strings", time_side_by_side(strings, rounds=ROUNDS))
    text = encode_frame(Frame(mixed_table(ROWS)))
    print_table(
        f"decode {ROWS:,} x 4 ({len(text) / 1e6:.0f} MB)", time_side_by_side(decoders(text), rounds=ROUNDS)
    )


def encoders(table: pa.Table) -> dict[str, Callable[[], object]]:
    frame = Frame(table.combine_chunks())
    return {
        "headwater": lambda: sum(map(len, iter_frame(frame))),
        "row dicts + orjson": lambda: orjson.dumps(frame.table.to_pylist()),
        "columns to_pylist + orjson": lambda: orjson.dumps(columns(frame.table)),
        "columns to_pylist + msgspec": lambda: msgspec.json.encode(columns(frame.table)),
    }


def number_encoders(rows: int, columns_: int) -> dict[str, Callable[[], object]]:
    """What a dashboard asks for: a frame of times and numbers, beside the same as lists that lie ready."""
    frame = Frame(numbers_table(rows, columns_), ref_id="A")
    ready = json.loads(encode_frame(frame))
    return {
        "headwater": lambda: encode_frame(frame),
        "msgspec, lists and schema at hand": lambda: msgspec.json.encode(ready),
        "columns to_pylist + msgspec": lambda: msgspec.json.encode(columns(frame.table)),
    }


def decoders(text: bytes) -> dict[str, Callable[[], object]]:
    return {
        "headwater": partial(decode_frame, text),
        "orjson, then pandas": lambda: pandas_frame(orjson.loads(text)),
        "json, then pandas": lambda: pandas_frame(json.loads(text)),
    }


def columns(table: pa.Table) -> list[list[object]]:
    return [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in table.columns
    ]


def pandas_frame(value: dict[str, dict[str, list[object]]]) -> object:
    import pandas as pd

    names = [field["name"] for field in value["schema"]["fields"]]  # type: ignore[index]
    frame = pd.DataFrame(dict(zip(names, value["data"]["values"], strict=True)))
    frame["time"] = pd.to_datetime(frame["time"], unit="ms")
    return frame


def assert_equal_values(table: pa.Table) -> None:
    ours = json.loads(encode_frame(Frame(table)))["data"]["values"]
    assert ours == json.loads(msgspec.json.encode(columns(table)))


if __name__ == "__main__":
    main()
