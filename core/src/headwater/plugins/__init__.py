"""From installed distributions to callable plugins: hooks, discovery, registry, client, middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .client import PluginClient as PluginClient
    from .discovery import (
        PluginRecord as PluginRecord,
        PluginSource as PluginSource,
        PluginState as PluginState,
        discover as discover,
        load_all as load_all,
    )
    from .files import PluginFiles as PluginFiles
    from .hookspecs import hookimpl as hookimpl
    from .known_keys import (
        check_query as check_query,
        check_settings as check_settings,
        is_later as is_later,
    )
    from .middleware import LoggingMiddleware as LoggingMiddleware, RedactionMiddleware as RedactionMiddleware
    from .middleware.tracing import TracingMiddleware as TracingMiddleware
    from .plugin import CorePlugin as CorePlugin, Plugin as Plugin, Target as Target
    from .plugin_context import PluginContextProvider as PluginContextProvider
    from .registry import InMemoryRegistry as InMemoryRegistry, Registry as Registry
    from .serialization import (
        from_bytes as from_bytes,
        from_data as from_data,
        to_bytes as to_bytes,
        to_data as to_data,
    )
    from .sources import SourceReader as SourceReader

_MODULES = {
    "client": ("PluginClient",),
    "discovery": ("PluginRecord", "PluginSource", "PluginState", "discover", "load_all"),
    "files": ("PluginFiles",),
    "hookspecs": ("hookimpl",),
    "known_keys": ("check_query", "check_settings", "is_later"),
    "middleware": ("LoggingMiddleware", "RedactionMiddleware"),
    "middleware.tracing": ("TracingMiddleware",),
    "plugin": ("CorePlugin", "Plugin", "Target"),
    "plugin_context": ("PluginContextProvider",),
    "registry": ("InMemoryRegistry", "Registry"),
    "serialization": ("from_bytes", "from_data", "to_bytes", "to_data"),
    "sources": ("SourceReader",),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
