"""What commands talk to: a host on the data directory of this machine, or one elsewhere."""

from __future__ import annotations

from .opening import open_plugins, open_target
from .target import PluginSummary, Record, Target

__all__ = ["PluginSummary", "Record", "Target", "open_plugins", "open_target"]
