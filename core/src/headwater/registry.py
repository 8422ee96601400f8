"""The registry: which plugins a host has. One per host, no globals."""

from __future__ import annotations

import threading
from typing import Protocol

from .errors import HeadwaterError, PluginAlreadyRegisteredError, PluginNotRegisteredError
from .plugin import Plugin

__all__ = ["InMemoryRegistry", "Registry"]


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
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._plugins: dict[str, Plugin] = {}
        self._aliases: dict[str, str] = {}
        self._unasked: dict[str, Plugin] = {}

    def plugin(self, plugin_id: str) -> Plugin | None:
        found = self._find(plugin_id)
        if found is None:
            with self._asking:
                self._ask_for_aliases()
            found = self._find(plugin_id)
        return found

    def _find(self, plugin_id: str) -> Plugin | None:
        with self._lock:
            return self._plugins.get(self._aliases.get(plugin_id, plugin_id))

    def _ask_for_aliases(self) -> None:
        with self._lock:
            unasked, self._unasked = self._unasked, {}
        for plugin in unasked.values():
            try:
                aliases = plugin.info.alias_ids
            except HeadwaterError:
                continue
            with self._lock:
                for alias in aliases:
                    if alias not in self._plugins:
                        self._aliases.setdefault(alias, plugin.plugin_id)

    def plugins(self) -> list[Plugin]:
        with self._lock:
            return [self._plugins[plugin_id] for plugin_id in sorted(self._plugins)]

    def add(self, plugin: Plugin, aliases: tuple[str, ...] = ()) -> None:
        with self._lock:
            for name in (plugin.plugin_id, *aliases):
                self._refuse_taken(name, plugin.plugin_id)
            self._plugins[plugin.plugin_id] = self._unasked[plugin.plugin_id] = plugin
            self._aliases.update(dict.fromkeys(aliases, plugin.plugin_id))

    def add_alias(self, alias: str, plugin_id: str) -> None:
        """Another name for a registered plugin. Raises PluginAlreadyRegisteredError if it is taken."""
        with self._lock:
            self._refuse_taken(alias, plugin_id)
            self._aliases[alias] = plugin_id

    def remove(self, plugin_id: str) -> None:
        with self._lock:
            if self._plugins.pop(plugin_id, None) is None:
                raise PluginNotRegisteredError(f"Plugin {plugin_id!r} is not registered.")
            self._unasked.pop(plugin_id, None)
            self._aliases = {alias: held for alias, held in self._aliases.items() if held != plugin_id}

    def _refuse_taken(self, name: str, plugin_id: str) -> None:
        holder = name if name in self._plugins else self._aliases.get(name)
        if holder is not None:
            raise PluginAlreadyRegisteredError(
                f"Plugin id {name!r} of {plugin_id!r} is already taken by plugin {holder!r}."
            )


def not_registered(plugin_id: str) -> PluginNotRegisteredError:
    return PluginNotRegisteredError(
        f"Plugin {plugin_id!r} is not registered; install the distribution that provides it."
    )
