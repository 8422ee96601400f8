"""Compare, and write `figures.json`, `report.md` and its plots.

python -m comparison                            all comparisons, five rounds: three took 10 minutes
python -m comparison --most 1000000             no point above this many rows
python -m comparison --quick                    the smallest points, to see that all of it works
python -m comparison --only mysql-rows --only prometheus-series
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from .measure import Figure, measure
from .plan import COMPARISONS
from .report import write_report

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    options = _parser().parse_args()
    chosen = [each for each in COMPARISONS if not options.only or each.name in options.only]
    rounds = options.rounds or (1 if options.quick else 5)
    options.output.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    try:
        for figure in measure(
            chosen,
            quick=options.quick,
            rounds=rounds,
            most=options.most,
            environments=options.environments,
            with_peers=not options.without_peers,
            random_order=random.Random(options.seed),
        ):
            figures.append(figure)
            print(
                f"{figure.comparison:20} {figure.contender:36} {figure.point:>12,} {figure.seconds:10.4f} s "
                f"{figure.peak_mb:8.0f} MB",
                flush=True,
            )
    finally:  # what was measured is not lost for one that fails
        if figures:
            found = [each.to_json() for each in figures]
            (options.output / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
            write_report(options.output, chosen, figures, rounds, " ".join(sys.argv[1:]))
            print(f"\n{options.output / 'report.md'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="comparison", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the smallest points, once")
    parser.add_argument("--only", action="append", choices=[each.name for each in COMPARISONS], default=[])
    parser.add_argument("--without-peers", action="store_true", help="install nothing: Headwater alone")
    parser.add_argument("--most", type=int, help="leave out larger points")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--environments", type=Path, default=ROOT / ".nox" / "peers")
    return parser


if __name__ == "__main__":
    main()
