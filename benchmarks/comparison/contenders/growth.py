"""What a host costs that has many data sources, or many plugins installed."""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_GROUP = "headwater.datasources.v1"


def first_query(address: dict[str, Any], data_sources: int) -> Callable[[], int]:
    """Open a host on a store in a file that has so many data sources, and ask the last one."""
    from headwater import Headwater
    from headwater.secrets import DirectoryKeySource
    from headwater_server.store import SqlStore

    folder = Path(address["folder"]) / f"store-{data_sources}"
    filled = folder.exists()
    folder.mkdir(mode=0o700, exist_ok=True)

    def opened() -> Headwater:
        store = SqlStore.open(f"sqlite:///{folder / 'headwater.db'}")
        return Headwater(store, key_sources=[DirectoryKeySource(folder)])

    if not filled:
        with opened() as host:
            for number in range(data_sources):
                secrets = {"apiKey": f"key-{number}"}
                host.add_data_source(f"source-{number}", type="testdata", secure_json_data=secrets)

    def call() -> int:
        with opened() as host:
            return len(host.query(f"source-{data_sources - 1}", {"scenario": "random_walk", "seed": 1}))

    return call


def discovery(address: dict[str, Any], plugins: int) -> Callable[[], int]:
    """What an installed host does to know its plugins."""
    from headwater.plugins import discover

    discover()  # imports what it needs
    _install(Path(tempfile.mkdtemp(dir=address["folder"])), plugins)

    def call() -> int:
        return len(discover())

    return call


def entry_points(address: dict[str, Any], plugins: int) -> Callable[[], int]:
    """The limit: what the standard library takes to list the entry points."""
    _install(Path(tempfile.mkdtemp(dir=address["folder"])), plugins)
    return lambda: len(importlib.metadata.entry_points(group=_GROUP))


def _install(folder: Path, plugins: int) -> None:
    """Metadata as pip leaves it, and nothing else on the path."""
    for number in range(plugins):
        metadata = folder / f"plugin_{number}-1.{number}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: plugin-{number}\nVersion: 1.{number}\n"
            "Requires-Dist: headwater<1,>=0.1\n\n" + "A long description.\n" * 200
        )
        (metadata / "entry_points.txt").write_text(f"[{_GROUP}]\nsource{number} = m{number}:plugin\n")
    sys.path[:] = [str(folder)]
