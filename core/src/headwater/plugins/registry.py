"""The registry: which plugins a host has. One per host, no globals."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from headwater.errors import HeadwaterError, PluginAlreadyRegisteredError, PluginNotRegisteredError
from headwater.logs import get_logger

from .discovery import PluginRecord
from .plugin import CorePlugin, Plugin, unusable

__all__ = ["InMemoryRegistry", "Registry", "registry_of"]


class Registry(Protocol):
    """Implement it to keep plugins elsewhere."""

    def plugin(self, plugin_id: str) -> Plugin | None:
        """The plugin with this id or alias, None if there is none."""

    def plugins(self) -> list[Plugin]:
        """All plugins, sorted by id."""

    def add(self, plugin: Plugin, aliases: tuple[str, ...] = ()) -> None:
        """Register. Raises PluginAlreadyRegisteredError if the id or an alias is taken."""

    def remove(self, plugin_id: str) -> None:
        """Unregister, aliases included. Raises PluginNotRegisteredError."""


class InMemoryRegistry:
    """A dictionary behind a lock.

    A plugin's own aliases are known only once it is imported, so an id that nobody has makes the registry
    ask every plugin, once, before it answers that there is none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the three below; never held while a plugin is imported
        self._resolving = threading.Lock()  # lets one thread import plugins for their aliases
        self._plugins: dict[str, Plugin] = {}
        self._aliases: dict[str, str] = {}
        self._unresolved: dict[str, Plugin] = {}

    def plugin(self, plugin_id: str) -> Plugin | None:
        found = self._find(plugin_id)
        if found is None:
            with self._resolving:
                self._resolve_aliases()
            found = self._find(plugin_id)
        return found

    def _find(self, plugin_id: str) -> Plugin | None:
        with self._lock:
            return self._plugins.get(self._aliases.get(plugin_id, plugin_id))

    def _resolve_aliases(self) -> None:
        with self._lock:
            unresolved, self._unresolved = self._unresolved, {}
        claims: dict[str, list[str]] = defaultdict(list)
        for plugin in unresolved.values():
            try:
                aliases = plugin.info.alias_ids
            except HeadwaterError:
                continue
            for alias in aliases:
                claims[alias].append(plugin.plugin_id)
        for alias, claimants in claims.items():
            self._add_alias(alias, claimants)

    def _add_alias(self, alias: str, claimants: list[str]) -> None:
        """The order of registration must not choose between several claimants: then none gets it."""
        if len(claimants) > 1:
            get_logger("headwater.plugins.registry").warning(
                "Several plugins claim an alias; it names none of them.", alias=alias, plugins=claimants
            )
            return
        with self._lock:
            if alias not in self._plugins:
                self._aliases.setdefault(alias, claimants[0])

    def plugins(self) -> list[Plugin]:
        with self._lock:
            return [self._plugins[plugin_id] for plugin_id in sorted(self._plugins)]

    def add(self, plugin: Plugin, aliases: tuple[str, ...] = ()) -> None:
        with self._lock:
            for name in (plugin.plugin_id, *aliases):
                holder = name if name in self._plugins else self._aliases.get(name)
                if holder is not None:
                    raise PluginAlreadyRegisteredError(
                        f"Plugin id {name!r} of {plugin.plugin_id!r} is already taken by plugin {holder!r}."
                    )
            self._plugins[plugin.plugin_id] = self._unresolved[plugin.plugin_id] = plugin
            self._aliases.update(dict.fromkeys(aliases, plugin.plugin_id))

    def remove(self, plugin_id: str) -> None:
        with self._lock:
            if self._plugins.pop(plugin_id, None) is None:
                raise PluginNotRegisteredError(f"Plugin {plugin_id!r} is not registered.")
            self._unresolved.pop(plugin_id, None)
            self._aliases = {alias: held for alias, held in self._aliases.items() if held != plugin_id}


def not_registered(plugin_id: str) -> PluginNotRegisteredError:
    return PluginNotRegisteredError(
        f"Plugin {plugin_id!r} is not registered; install the distribution that provides it."
    )


def registry_of(records: Iterable[PluginRecord], middlewares: Sequence[object] = ()) -> InMemoryRegistry:
    """One plugin per id: the usable record, else one that says why there is none."""
    by_id: dict[str, PluginRecord] = {}
    for record in records:
        if record.plugin_id not in by_id or record.usable:
            by_id[record.plugin_id] = record
    registry = InMemoryRegistry()
    for plugin_id, record in by_id.items():
        registry.add(
            CorePlugin(
                plugin_id,
                record.load,
                version=record.version,
                middlewares=middlewares,
                target=record.target,
            )
            if record.usable
            else unusable(plugin_id, record.explanation, record.version)
        )
    return registry
