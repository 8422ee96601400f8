"""Frames from decoded series, 10,000 x 200: complete, and with every tenth sample missing."""

from __future__ import annotations

import numpy as np
from timing import print_table, time_side_by_side

from headwater_prometheus.layouts import Display, multi_frames
from headwater_prometheus.long import long_frame
from headwater_prometheus.series import SeriesBlock
from headwater_prometheus.wide import wide_frame

SERIES, SAMPLES = 10_000, 200


def main() -> None:
    generator = np.random.default_rng(7)
    metrics = [
        {"__name__": "load", "job": f"job-{number % 20}", "instance": f"host-{number}:9100"}
        for number in range(SERIES)
    ]
    times = np.tile(np.arange(SAMPLES, dtype=np.int64) * 15_000, SERIES)
    values = generator.random(SERIES * SAMPLES)
    kept = generator.random(SERIES * SAMPLES) > 0.1
    kept_counts = kept.reshape(SERIES, SAMPLES).sum(axis=1).tolist()
    complete = SeriesBlock(metrics, [SAMPLES] * SERIES, times, values)
    gappy = SeriesBlock(metrics, kept_counts, times[kept], values[kept])
    display = Display("load", step_ms=15_000)
    for title, block in (("complete", complete), ("10 % missing", gappy)):
        contenders = {
            "long": lambda block=block: long_frame(block, display),
            "wide": lambda block=block: wide_frame(block, display),
            "multi": lambda block=block: list(multi_frames(block, display)),
        }
        seconds = time_side_by_side(contenders, rounds=9)
        print_table(f"{SERIES} series x {SAMPLES} samples, {title}", seconds)


if __name__ == "__main__":
    main()
