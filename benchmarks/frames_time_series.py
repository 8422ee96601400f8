"""Long time series to wide ones and back, beside pandas doing the same."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pyarrow as pa
from frames_data import extra_peak_in_child, extra_peak_mib, long_table
from timing import print_table, time_side_by_side

from headwater.frames import Frame, long_to_multi, long_to_wide, wide_to_long

TIMES, SERIES = 1_000, 1_000
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--memory", metavar="CONTENDER", help="print one contender's extra peak memory in MiB"
    )
    contender = parser.parse_args().memory
    if contender:
        to_wide(10, 10)[contender]()
        print(extra_peak_mib(to_wide(TIMES, SERIES)[contender]))
        return

    rows = f"{TIMES * SERIES:,} rows, {SERIES:,} series"
    wide = to_wide(TIMES, SERIES)
    print_table(f"long to wide, {rows}", time_side_by_side(wide, rounds=ROUNDS))
    print("\nextra peak memory of the same (MiB)")
    for name in wide:
        print(f"  {name:44}{extra_peak_in_child(__file__, name):10.1f}")
    print_table(f"long to one frame a series, {rows}", time_side_by_side(to_multi(), rounds=ROUNDS))
    print_table(f"wide to long, {rows}", time_side_by_side(to_long(), rounds=ROUNDS))


def to_wide(times: int, series: int) -> dict[str, Callable[[], object]]:
    frame = Frame(long_table(times, series))
    data = frame.to_pandas()
    return {
        "headwater": lambda: long_to_wide(frame),
        "pandas pivot": lambda: data.pivot(index="time", columns="host", values="value"),
        "pandas pivot, from and to Arrow": lambda: pa.Table.from_pandas(
            frame.to_pandas().pivot(index="time", columns="host", values="value")
        ),
    }


def to_multi() -> dict[str, Callable[[], object]]:
    frame = Frame(long_table(TIMES, SERIES))
    data = frame.to_pandas()
    return {
        "headwater": lambda: long_to_multi(frame),
        "pandas groupby": lambda: [part for _, part in data.groupby("host", observed=True)],
    }


def to_long() -> dict[str, Callable[[], object]]:
    wide = long_to_wide(Frame(long_table(TIMES, SERIES)))
    data = Frame(long_table(TIMES, SERIES)).to_pandas().pivot(index="time", columns="host", values="value")
    return {
        "headwater": lambda: wide_to_long(wide),
        "pandas stack": lambda: data.stack(future_stack=True).reset_index(),
    }


if __name__ == "__main__":
    main()
