"""Headwater: data-source plugins for Python. Install a data source, query it from any host, get Arrow.

Public names load on first use (PEP 562), so that `import headwater` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncHeadwater as AsyncHeadwater
    from .context import CallContext as CallContext
    from .context import QueryLimits as QueryLimits
    from .datasources import DataSource as DataSource
    from .datasources import DataSourceStore as DataSourceStore
    from .datasources import MemoryStore as MemoryStore
    from .errors import HeadwaterError as HeadwaterError
    from .frames import Frame as Frame
    from .frames import FrameStream as FrameStream
    from .hookspecs import hookimpl as hookimpl
    from .host import Headwater as Headwater
    from .models import TimeRange as TimeRange
    from .registry import InMemoryRegistry as InMemoryRegistry
    from .secrets import Secret as Secret

_MODULE_OF = {
    "AsyncHeadwater": "aio",
    "CallContext": "context",
    "DataSource": "datasources",
    "DataSourceStore": "datasources",
    "Frame": "frames",
    "FrameStream": "frames",
    "Headwater": "host",
    "HeadwaterError": "errors",
    "InMemoryRegistry": "registry",
    "MemoryStore": "datasources",
    "QueryLimits": "context",
    "Secret": "secrets",
    "TimeRange": "models",
    "hookimpl": "hookspecs",
}

__all__ = [*_MODULE_OF, "__version__"]  # noqa: PLE0604

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'headwater' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
