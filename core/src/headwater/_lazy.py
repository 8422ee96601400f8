"""Packages whose public names load on first use (PEP 562): importing one imports none of its modules."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def load_lazily(package: str, modules: Mapping[str, tuple[str, ...]]) -> None:
    """Give `package` the names that each of its `modules` has; a module is imported at the first use."""
    homes = {name: module for module, names in modules.items() for name in names}
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        namespace[name] = value
        return value

    namespace["__getattr__"] = get
    namespace["__dir__"] = lambda: sorted({*namespace, *homes})
