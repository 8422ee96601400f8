"""Headwater: data-source plugins for Python. Install a data source, query it from any host, get Arrow.

Public names load on first use, so that `import headwater` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import load_lazily

if TYPE_CHECKING:
    from .aio import AsyncFrameStream as AsyncFrameStream, AsyncHeadwater as AsyncHeadwater
    from .calls import CallContext as CallContext, QueryLimits as QueryLimits
    from .datasources import (
        DataSource as DataSource,
        DataSourceStore as DataSourceStore,
        MemoryStore as MemoryStore,
    )
    from .errors import HeadwaterError as HeadwaterError
    from .frames import Frame as Frame, FrameStream as FrameStream
    from .host import Headwater as Headwater
    from .models import Filter as Filter, TimeRange as TimeRange
    from .notebook import load_ipython_extension as load_ipython_extension
    from .plugins import InMemoryRegistry as InMemoryRegistry, hookimpl as hookimpl
    from .queries import ReadTask as ReadTask
    from .remote import connect as connect
    from .secrets import Secret as Secret
    from .version import __version__ as __version__

_MODULES = {
    "aio": ("AsyncFrameStream", "AsyncHeadwater"),
    "calls": ("CallContext", "QueryLimits"),
    "datasources": ("DataSource", "DataSourceStore", "MemoryStore"),
    "errors": ("HeadwaterError",),
    "frames": ("Frame", "FrameStream"),
    "host": ("Headwater",),
    "models": ("Filter", "TimeRange"),
    "notebook": ("load_ipython_extension",),
    "plugins": ("InMemoryRegistry", "hookimpl"),
    "remote": ("connect",),
    "queries": ("ReadTask",),
    "secrets": ("Secret",),
    "version": ("__version__",),
}  # fmt: skip

# IPython asks for its name, and is there then.
__all__ = [name for names in _MODULES.values() for name in names if name != "load_ipython_extension"]

load_lazily(__name__, _MODULES)
