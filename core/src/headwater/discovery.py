"""Which data sources are installed: entry points of `headwater.datasources.v1` as records with a state.

Only metadata is read here; a plugin is imported at its first use. One broken plugin never hides another,
and absence is never silent: every record that cannot be used says why.
"""

from __future__ import annotations

import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import StrEnum
from typing import Any

import importlib_metadata
from importlib_metadata import EntryPoint

from .errors import PluginUnavailableError
from .hookspecs import ENTRY_POINT_GROUP
from .plugin import check_implementation

__all__ = ["PluginRecord", "PluginState", "discover"]

ALLOW_VARIABLE = "HEADWATER_PLUGINS_ALLOW"
BLOCK_VARIABLE = "HEADWATER_PLUGINS_BLOCK"
_CORE = "headwater"
_PLUGIN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class PluginState(StrEnum):
    DISCOVERED = "DISCOVERED"
    """Found, not imported yet."""
    READY = "READY"
    """Imported and valid."""
    BLOCKED = "BLOCKED"
    """On the block list, or absent from the allow list."""
    INCOMPATIBLE = "INCOMPATIBLE"
    """Its distribution asks for another version of the core. Never imported."""
    DUPLICATE = "DUPLICATE"
    """Several distributions claim the id. None is used: the order on disk must not choose."""
    BROKEN = "BROKEN"
    """Importing it failed."""
    INVALID = "INVALID"
    """Imported, but not an implementation of the hooks."""


class PluginRecord:
    """One installed plugin. `reason` explains every state but DISCOVERED and READY."""

    def __init__(
        self,
        plugin_id: str,
        *,
        entry_point: str,
        distribution: str,
        version: str,
        import_: Callable[[], object],
        state: PluginState = PluginState.DISCOVERED,
        reason: str = "",
    ) -> None:
        self.plugin_id = plugin_id
        self.entry_point = entry_point
        self.distribution = distribution
        self.version = version
        self.state = state
        self.reason = reason
        self._import = import_
        self._implementation: object = None
        self._lock = threading.RLock()

    @property
    def usable(self) -> bool:
        return self.state in (PluginState.DISCOVERED, PluginState.READY)

    def load(self) -> object:
        """Import the plugin, once, and return its implementation.

        Raises PluginUnavailableError with the reason, which the record keeps.
        """
        with self._lock:
            if self.state is PluginState.DISCOVERED:
                self._load()
            if self.state is not PluginState.READY:
                raise PluginUnavailableError(self.explanation)
            return self._implementation

    @property
    def explanation(self) -> str:
        """A sentence for whoever asks for a plugin that cannot be used."""
        return f"Plugin {self.plugin_id!r} of {self.distribution} is {self.state}: {self.reason}"

    def _load(self) -> None:
        try:
            found = self._import()
            implementation = found() if callable(found) else found
        except (Exception, SystemExit) as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self.state, self.reason = PluginState.BROKEN, f"loading {self.entry_point} failed with {what}"
            return
        try:
            check_implementation(self.plugin_id, implementation)
        except PluginUnavailableError as error:
            self.state, self.reason = PluginState.INVALID, str(error)
            return
        self._implementation = implementation
        self.state = PluginState.READY

    def __repr__(self) -> str:
        return f"<PluginRecord {self.plugin_id} {self.version} {self.state}>"


def discover(
    *,
    allow: Collection[str] | None = None,
    block: Collection[str] | None = None,
    distributions: Iterable[Any] | None = None,
) -> list[PluginRecord]:
    """Records of all installed plugins, sorted by id. Reads metadata only and never raises for a plugin.

    `allow` and `block` are plugin ids, `*` for all; None takes the comma-separated environment variables
    HEADWATER_PLUGINS_ALLOW and HEADWATER_PLUGINS_BLOCK. One warning sums up what cannot be used.
    """
    allow = _from_environment(ALLOW_VARIABLE) if allow is None else allow
    block = _from_environment(BLOCK_VARIABLE) if block is None else block
    found: dict[str, list[PluginRecord]] = defaultdict(list)
    for entry_point, distribution in _entry_points(distributions or importlib_metadata.distributions()):
        found[entry_point.name].append(_record(entry_point, distribution, allow, block))
    records = [record for plugin_id in sorted(found) for record in _mark_duplicates(found[plugin_id])]
    _warn_of_unusable(records)
    return records


def _entry_points(distributions: Iterable[Any]) -> Iterator[tuple[EntryPoint, Any]]:
    """Entry points of our group, one distribution of each name: the first on the path, as imports see it."""
    seen: set[str] = set()
    for distribution in distributions:
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or ENTRY_POINT_GROUP not in text:
                continue
            name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
            if not name or name in seen:
                continue
            seen.add(name)
            entry_points = list(distribution.entry_points)
        except Exception as error:
            _logger().warning(
                "A distribution's metadata cannot be read.",
                distribution=repr(distribution),
                reason=str(error),
            )
            continue
        for entry_point in entry_points:
            if entry_point.group == ENTRY_POINT_GROUP:
                yield entry_point, distribution


def _record(
    entry_point: EntryPoint, distribution: Any, allow: Collection[str], block: Collection[str]
) -> PluginRecord:
    record = PluginRecord(
        entry_point.name,
        entry_point=entry_point.value,
        distribution=distribution.metadata["Name"],
        version=distribution.version or "",
        import_=entry_point.load,
    )
    if not _PLUGIN_ID.fullmatch(entry_point.name):
        record.state = PluginState.INVALID
        record.reason = "its id may hold only lower-case letters, digits, '-' and '_'"
    elif blocked := _why_blocked(entry_point.name, allow, block):
        record.state, record.reason = PluginState.BLOCKED, blocked
    elif conflict := _why_incompatible(distribution):
        record.state, record.reason = PluginState.INCOMPATIBLE, conflict
    return record


def _why_blocked(plugin_id: str, allow: Collection[str], block: Collection[str]) -> str:
    if plugin_id in block or "*" in block:
        return "it is on the block list"
    if allow and plugin_id not in allow and "*" not in allow:
        return "it is not on the allow list"
    return ""


def _why_incompatible(distribution: Any) -> str:
    """Check the distribution's requirement on the core before anything is imported."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    from . import __version__

    for line in distribution.requires or ():
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            return f"its requirement {line!r} cannot be read"
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        if canonicalize_name(needed.name) != _CORE or not applies:
            continue
        if not needed.specifier.contains(__version__, prereleases=True):
            return f"it needs {_CORE}{needed.specifier}, and {__version__} is installed"
    return ""


def _mark_duplicates(records: list[PluginRecord]) -> list[PluginRecord]:
    usable = [record for record in records if record.usable]
    if len(usable) > 1:
        names = " and ".join(sorted(f"{record.distribution} {record.version}" for record in usable))
        for record in usable:
            record.state = PluginState.DUPLICATE
            record.reason = f"{names} both claim this id; uninstall one of them"
    return records


def _warn_of_unusable(records: list[PluginRecord]) -> None:
    unusable = [record for record in records if not record.usable and record.state is not PluginState.BLOCKED]
    if unusable:
        _logger().warning(
            "Some data-source plugins cannot be used.",
            plugins=[f"{record.plugin_id} ({record.state})" for record in unusable],
        )


def _logger() -> Any:
    import structlog

    return structlog.get_logger("headwater.discovery")


def _from_environment(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}
