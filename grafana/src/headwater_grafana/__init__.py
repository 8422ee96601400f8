"""Python data-source plugins inside Grafana, and plugin processes inside Headwater."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .host.folder import PluginFolder as PluginFolder
    from .host.folders import PluginFolders as PluginFolders
    from .host.limits import ProcessLimits as ProcessLimits
    from .host.plugin import ProcessPlugin as ProcessPlugin
    from .isolation import Isolation as Isolation

_MODULES = {
    "Isolation": "isolation",
    "PluginFolder": "host.folder",
    "PluginFolders": "host.folders",
    "ProcessLimits": "host.limits",
    "ProcessPlugin": "host.plugin",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """Names load on first use: a plugin that is served needs nothing of the host, and the other way round."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
