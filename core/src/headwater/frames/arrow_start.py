"""Keeps pyarrow from importing pandas for its first array, which takes longer than the rest of a query."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PANDAS = "pandas"


def start_arrow_without_pandas() -> None:
    """For the start of a program that may never need pandas: it saves half a second and 40 MB.

    Import pyarrow, and have it find no pandas now. Whoever imports pandas later gets it, and so does
    pyarrow from then on: its conversions are as always."""
    import pyarrow as pa

    if _PANDAS in sys.modules:
        return
    refusing = _Refusing()
    sys.meta_path.insert(0, refusing)
    try:
        pa.array([0])  # pyarrow looks for pandas once, here
    finally:
        sys.meta_path.remove(refusing)
    sys.meta_path.insert(0, _Telling())


class _Refusing(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        del path, target
        if fullname == _PANDAS:
            raise ModuleNotFoundError("not while pyarrow starts", name=_PANDAS)


class _Telling(MetaPathFinder):
    """Has pyarrow look for pandas once more, when somebody has imported it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != _PANDAS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(_PANDAS)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            loader.exec_module = _then_tell_arrow(loader.exec_module)
        return spec


def _then_tell_arrow(exec_module: Any) -> Any:
    def run(module: ModuleType) -> None:
        import pyarrow as pa

        exec_module(module)
        pa.table({}).to_pandas()  # needs pandas: asks for it again, and remembers that it is there

    return run
