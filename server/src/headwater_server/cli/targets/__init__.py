"""What commands talk to: one protocol, for a data directory of this machine and for a remote host."""

from __future__ import annotations

from .opening import open_plugins, open_target
from .target import PluginSummary, Record, Target

__all__ = ["PluginSummary", "Record", "Target", "open_plugins", "open_target"]
