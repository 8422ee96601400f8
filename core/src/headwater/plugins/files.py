"""Plugins that are one Python file: no distribution, no entry point."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from headwater.errors import PluginUnavailableError

from .discovery import PluginRecord, PluginState

__all__ = ["PluginFiles"]


class PluginFiles:
    """A source of plugins, for `Headwater(plugin_sources=[PluginFiles(["weather.py"])])`.

    Of a file, the class is taken whose body says `id = "…"`, such as a DataSourcePlugin. The file is read to
    find it, and run at the plugin's first use. A folder stands for the Python files in it.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = [Path(path).absolute() for path in paths]

    def records(self, found: list[PluginRecord]) -> list[PluginRecord]:
        """`found`, and a record for each file."""
        return [*found, *(_record(path) for path in self._files())]

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            yield from sorted(path.glob("[!_]*.py")) if path.is_dir() else [path]


def _record(path: Path) -> PluginRecord:
    try:
        plugin_id, class_name = _declared(path)
    except (OSError, SyntaxError, ValueError) as error:
        return PluginRecord(
            path.stem, entry_point=str(path), distribution=path.name, version="", import_=lambda: None,
            state=PluginState.INVALID, reason=f"{path} cannot be used: {error}",
        )  # fmt: skip

    def load() -> object:
        return getattr(_module(path), class_name)

    return PluginRecord(plugin_id, entry_point=str(path), distribution=path.name, version="", import_=load)


def _declared(path: Path) -> tuple[str, str]:
    """Id and name of the plugin's class. Raises ValueError unless there is one of them."""
    tree = ast.parse(path.read_bytes(), str(path))
    found = [
        (statement.value.value, each.name)
        for each in tree.body
        if isinstance(each, ast.ClassDef)
        for statement in each.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and [getattr(target, "id", "") for target in statement.targets] == ["id"]
    ]
    if len(found) != 1:
        raise ValueError(f'it has {len(found)} classes with an `id = "…"`; a plugin file has one')
    return found[0]


def _module(path: Path) -> ModuleType:
    name = f"headwater_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginUnavailableError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    spec.loader.exec_module(module)
    return module
