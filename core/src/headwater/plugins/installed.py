"""The registry of the plugins that discovery found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .discovery import PluginRecord
from .plugin import CorePlugin, unusable
from .registry import InMemoryRegistry

__all__ = ["registry_of"]


def registry_of(records: Iterable[PluginRecord], middlewares: Sequence[object] = ()) -> InMemoryRegistry:
    """One plugin per id: the usable record, else one that says why there is none."""
    by_id: dict[str, PluginRecord] = {}
    for record in records:
        if record.plugin_id not in by_id or record.usable:
            by_id[record.plugin_id] = record
    registry = InMemoryRegistry()
    for plugin_id, record in by_id.items():
        registry.add(
            CorePlugin(plugin_id, record.load, version=record.version, middlewares=middlewares)
            if record.usable
            else unusable(plugin_id, record.explanation, record.version)
        )
    return registry
