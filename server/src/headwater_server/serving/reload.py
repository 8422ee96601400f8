"""`serve --reload`: which files are waited for, and what is said of a plugin that an edit broke."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import frozen

from headwater.errors import PluginUnavailableError
from headwater.plugins import PluginRecord, PluginState

__all__ = ["Watched", "broken"]

Saves = asyncio.Queue[list[Path]]


@frozen
class Watched:
    """Plugins' files, folders that hold such files, and packages with all that is in them."""

    files: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()
    packages: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, records: Iterable[PluginRecord], files: Iterable[Path]) -> Watched:
        """`files` as they are named, and the packages that are worked on: those that no installer copied."""
        paths = [path.absolute() for path in files]
        modules = {record.entry_point.partition(":")[0].partition(".")[0] for record in records}
        return cls(
            files=frozenset(path for path in paths if not path.is_dir()),
            folders=frozenset(path for path in paths if path.is_dir()),
            packages=frozenset(filter(None, map(_package, modules))),
        )

    async def changes(self) -> AsyncIterator[list[Path]]:
        """The files of each save. Folders are watched: editors put a new file in the place of the old one."""
        queue: Saves = asyncio.Queue()
        around = {path.parent for path in self.files} | self.folders
        tasks = [
            asyncio.create_task(self._watch(queue, paths, recursive=recursive))
            for paths, recursive in ((around, False), (self.packages, True))
            if paths
        ]
        try:
            while True:
                yield await queue.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def concerns(self, path: Path) -> bool:
        """Whether a change of `path` is one of a plugin."""
        within = path.parent in self.folders or not self.packages.isdisjoint(path.parents)
        return path in self.files or (within and path.suffix == ".py")

    async def _watch(
        self, queue: asyncio.Queue[list[Path]], paths: Iterable[Path], *, recursive: bool
    ) -> None:
        from watchfiles import awatch

        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts; the pool says which

        def is_ours(_change: Any, path: str) -> bool:
            return self.concerns(Path(path))

        async for changes in awatch(*paths, watch_filter=is_ours, recursive=recursive):
            await queue.put(sorted({Path(path) for _, path in changes}))


def broken(records: Iterable[PluginRecord]) -> list[str]:
    """Load all plugins, and say of each that cannot be: `FILE:LINE: what`, where that is known."""
    found = []
    for record in records:
        if record.state in (PluginState.BLOCKED, PluginState.DUPLICATE, PluginState.INCOMPATIBLE):
            continue
        try:
            record.load()
        except PluginUnavailableError as error:
            found.append(_place(error.__cause__) or f"{record.distribution}: {record.reason}")
    return found


def _package(module: str) -> Path | None:
    with contextlib.suppress(ImportError, ValueError):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None and "site-packages" not in Path(spec.origin).parts:
            path = Path(spec.origin)
            return path.parent if path.name == "__init__.py" else None
    return None


def _place(error: BaseException | None) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    if not frames:
        return ""
    return f"{frames[-1].filename}:{frames[-1].lineno}: {type(error).__name__}: {error}"
