"""Discovery with 300 installed distributions, four of them plugins, beside the standard library's scan."""

from __future__ import annotations

import importlib.metadata
import logging
import statistics
import sys
import tempfile
from pathlib import Path

import importlib_metadata
import structlog
from timing import print_table, time_side_by_side

from headwater.plugins import discover
from headwater.plugins.hookspecs import ENTRY_POINT_GROUP

DISTRIBUTIONS, PLUGINS = 300, 4


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    discover()  # imports what it needs, while that can still be found
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        path, sys.path[:] = list(sys.path), [folder]
        try:
            assert len(discover()) == PLUGINS
            seconds = time_side_by_side(
                {
                    "discover": discover_anew,
                    "the same, with path listings remembered": discover,
                    "importlib.metadata.entry_points": lambda: importlib.metadata.entry_points(
                        group=ENTRY_POINT_GROUP
                    ),
                },
                rounds=50,
            )
        finally:
            sys.path[:] = path
    print_table(f"{DISTRIBUTIONS} distributions, {PLUGINS} plugins", seconds)
    print(f"  discover: {1e3 * statistics.median(seconds['discover']):.1f} ms (aim: 25 ms)")


def discover_anew() -> object:
    """As a new process does: listings of the path are not remembered yet."""
    importlib_metadata.MetadataPathFinder.invalidate_caches()
    return discover()


def install(folder: Path) -> None:
    """Metadata as pip leaves it; every third distribution has entry points of some other kind."""
    for number in range(DISTRIBUTIONS):
        metadata = folder / f"dist_{number}-1.{number}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: dist-{number}\nVersion: 1.{number}\n"
            "Requires-Dist: headwater<1,>=0.1\nRequires-Dist: attrs\n\n" + "A long description.\n" * 200
        )
        if number < PLUGINS:
            (metadata / "entry_points.txt").write_text(
                f"[{ENTRY_POINT_GROUP}]\nsource{number} = m{number}:plugin\n"
            )
        elif number % 3 == 0:
            (metadata / "entry_points.txt").write_text(f"[console_scripts]\ntool{number} = m{number}:main\n")


if __name__ == "__main__":
    main()
