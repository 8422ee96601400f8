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
from typing import Any, Protocol

import importlib_metadata
from importlib_metadata import EntryPoint

from headwater.errors import PluginUnavailableError
from headwater.logs import get_logger

from .hookspecs import ENTRY_POINT_GROUP
from .plugin import Target
from .validation import flaw_in

__all__ = ["PluginRecord", "PluginSource", "PluginState", "discover", "load_all"]

ALLOW_VARIABLE = "HEADWATER_PLUGINS_ALLOW"
BLOCK_VARIABLE = "HEADWATER_PLUGINS_BLOCK"
_CORE = "headwater"
_PLUGIN_ID = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")


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
    """One installed plugin. `reason` explains every state but DISCOVERED and READY.

    `target` is where it runs. `distribution` is what was installed: for a plugin of another kind, its folder.
    """

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
        target: Target = Target.IN_MEMORY,
    ) -> None:
        self.plugin_id = plugin_id
        self.target = target
        self.entry_point = entry_point
        self.distribution = distribution
        self.version = version
        self.state: PluginState = state
        self.reason: str = reason
        self._import = import_
        self._implementation: object = None
        self._cause: BaseException | None = None
        self._lock = threading.RLock()  # held while the plugin is imported, so that one thread does it

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
                raise PluginUnavailableError(self.explanation) from self._cause
            return self._implementation

    def close(self) -> None:
        """End what `load` has started, if that was more than an import."""

    def on_restart(self, listener: Callable[[], object]) -> None:
        """Call `listener` when a process of the plugin takes the place of one that has died."""

    @property
    def explanation(self) -> str:
        """A sentence for whoever asks for a plugin that cannot be used."""
        return f"Plugin {self.plugin_id!r} of {self.distribution} is {self.state}: {self.reason}"

    def _load(self) -> None:
        try:
            found = self._import()
            implementation = found() if callable(found) else found
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, and panics of compiled drivers, are no Exception
            self.state, self.reason = (
                PluginState.BROKEN,
                f"loading {self.entry_point} failed with {_named(error)}",
            )
            self._cause = error
            return
        if flaw := flaw_in(implementation):
            self.state, self.reason = PluginState.INVALID, flaw
            return
        self._implementation = implementation
        self.state = PluginState.READY

    def __repr__(self) -> str:
        return f"<PluginRecord {self.plugin_id} {self.version} {self.state}>"


class PluginSource(Protocol):
    """Where plugins come from, or run, besides the entry points of installed distributions."""

    def records(self, found: list[PluginRecord]) -> list[PluginRecord]:
        """`found`, with others added or put in the place of some. Never raises for a plugin, starts none."""


def discover(
    *,
    allow: Collection[str] | None = None,
    block: Collection[str] | None = None,
    sources: Iterable[PluginSource] = (),
    distributions: Iterable[Any] | None = None,
    logger: Any = None,
) -> list[PluginRecord]:
    """Records of all installed plugins, sorted by id. Reads metadata only and never raises for a plugin.

    `allow` and `block` are plugin ids, `*` for all; None takes the comma-separated environment variables
    HEADWATER_PLUGINS_ALLOW and HEADWATER_PLUGINS_BLOCK. They hold for what `sources` add, too. One warning
    sums up what cannot be used; `logger` takes it.
    """
    allow = _from_environment(ALLOW_VARIABLE) if allow is None else allow
    block = _from_environment(BLOCK_VARIABLE) if block is None else block
    installed = importlib_metadata.distributions() if distributions is None else distributions
    everything = [_record(*each) for each in _entry_points(installed, logger)]
    for source in sources:
        everything = source.records(everything)
    found: dict[str, list[PluginRecord]] = defaultdict(list)
    for record in everything:
        blocked = _why_blocked(record.plugin_id, allow, block)
        if blocked and record.state is not PluginState.INVALID:
            record.state, record.reason = PluginState.BLOCKED, blocked
        found[record.plugin_id].append(record)
    records = [record for plugin_id in sorted(found) for record in _mark_duplicates(found[plugin_id])]
    warn_of_unusable(records, logger)
    return records


def load_all(records: Iterable[PluginRecord], logger: Any = None) -> None:
    """Import every usable plugin, so that its record is READY, BROKEN or INVALID; one warning sums up."""
    failed = []
    for record in records:
        if record.state is not PluginState.DISCOVERED:
            continue
        try:
            record.load()
        except PluginUnavailableError:
            failed.append(record)
    warn_of_unusable(failed, logger)


def warn_of_unusable(records: Iterable[PluginRecord], logger: Any = None) -> None:
    """One warning for all `records` that cannot be used, blocked ones aside: somebody wanted those."""
    unusable = [record for record in records if not record.usable and record.state is not PluginState.BLOCKED]
    if unusable:
        get_logger("headwater.plugins.discovery", over=logger).warning(
            "Some data-source plugins cannot be used.",
            plugins=[f"{record.plugin_id} of {record.distribution} ({record.state})" for record in unusable],
        )


def _entry_points(distributions: Iterable[Any], logger: Any) -> Iterator[tuple[EntryPoint, Any, Any]]:
    """Entry points of our group with their distribution and its metadata, which is parsed at each look.

    One distribution of each name: the first on the path, as imports see it.
    """
    seen: set[str] = set()
    for distribution in distributions:
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or ENTRY_POINT_GROUP not in text:
                continue
            metadata = distribution.metadata
            name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
            if name in seen:
                continue
            seen.add(name)
            entry_points = list(distribution.entry_points)
        except Exception as error:
            get_logger("headwater.plugins.discovery", over=logger).warning(
                "A distribution's metadata cannot be read; its plugins are not found.",
                path=str(getattr(distribution, "_path", distribution)),
                reason=_named(error),
            )
            continue
        for entry_point in entry_points:
            if entry_point.group == ENTRY_POINT_GROUP:
                yield entry_point, distribution, metadata


def _record(entry_point: EntryPoint, distribution: Any, metadata: Any) -> PluginRecord:
    record = PluginRecord(
        entry_point.name,
        entry_point=entry_point.value,
        distribution=metadata["Name"],
        version=metadata["Version"] or "",
        import_=entry_point.load,
    )
    if not _PLUGIN_ID.fullmatch(entry_point.name):
        record.state = PluginState.INVALID
        record.reason = "its id may hold only lower-case letters, digits, '-' and '_'"
    elif conflict := _why_incompatible(metadata.get_all("Requires-Dist") or distribution.requires or ()):
        record.state, record.reason = PluginState.INCOMPATIBLE, conflict
    return record


def _named(error: BaseException) -> str:
    """Type and first line of `error`: import errors of compiled libraries fill pages."""
    line = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _why_blocked(plugin_id: str, allow: Collection[str], block: Collection[str]) -> str:
    if plugin_id in block or "*" in block:
        return "it is on the block list"
    if allow and plugin_id not in allow and "*" not in allow:
        return "it is not on the allow list"
    return ""


def _why_incompatible(requirements: Iterable[str]) -> str:
    """Check a distribution's requirement on the core before anything is imported."""
    from packaging.markers import UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    from headwater.version import __version__

    for line in requirements:
        try:
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        except (InvalidRequirement, UndefinedEnvironmentName):
            return f"its requirement {line!r} cannot be read"
        if canonicalize_name(needed.name) != _CORE or not applies:
            continue
        if not needed.specifier.contains(__version__, prereleases=True):
            return f"it needs {_CORE}{needed.specifier}, and {__version__} is installed"
    return ""


def _mark_duplicates(records: list[PluginRecord]) -> list[PluginRecord]:
    usable = [record for record in records if record.usable]
    if len(usable) > 1:
        names = " and ".join(sorted(_claimant(record) for record in usable))
        for record in usable:
            record.state = PluginState.DUPLICATE
            record.reason = f"{names} both claim this id; take one of them away"
    return records


def _claimant(record: PluginRecord) -> str:
    """A distribution with its version, or a file with its path: two may have one name."""
    return f"{record.distribution} {record.version}" if record.version else record.entry_point


def _from_environment(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}
