"""The registry of the plugins that discovery found."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .discovery import PluginRecord
from .errors import PluginUnavailableError
from .logs import get_logger
from .plugin import CorePlugin, Plugin, unusable
from .registry import InMemoryRegistry

__all__ = ["InstalledRegistry"]


class InstalledRegistry(InMemoryRegistry):
    """One plugin per id: the usable record, else one that says why there is none.

    Which aliases a plugin has only the plugin knows. They are asked for, and the plugins imported for it,
    when somebody asks for an id that no plugin has.
    """

    def __init__(self, records: Iterable[PluginRecord], middlewares: Sequence[object] = ()) -> None:
        super().__init__()
        self._learning = threading.Lock()
        self._learned = False
        by_id: dict[str, PluginRecord] = {}
        for record in records:
            if record.plugin_id not in by_id or record.usable:
                by_id[record.plugin_id] = record
        for plugin_id, record in by_id.items():
            self.add(
                CorePlugin(plugin_id, record.load, version=record.version, middlewares=middlewares)
                if record.usable
                else unusable(plugin_id, record.explanation, record.version)
            )

    def plugin(self, plugin_id: str) -> Plugin | None:
        found = super().plugin(plugin_id)
        if found is None and not self._learned:
            with self._learning:
                if not self._learned:
                    self._learn_aliases()
                    self._learned = True
            found = super().plugin(plugin_id)
        return found

    def _learn_aliases(self) -> None:
        claims: dict[str, list[str]] = defaultdict(list)
        for plugin in self.plugins():
            try:
                aliases = plugin.info.alias_ids
            except PluginUnavailableError:
                continue
            for alias in aliases:
                claims[alias].append(plugin.plugin_id)
        for alias, plugin_ids in claims.items():
            if len(plugin_ids) > 1:
                get_logger("headwater.discovery").warning(
                    "Several plugins claim an alias; it names none of them.", alias=alias, plugins=plugin_ids
                )
            elif super().plugin(alias) is None:
                self.add_alias(alias, plugin_ids[0])
