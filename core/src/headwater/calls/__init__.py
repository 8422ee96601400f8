"""How a call into a plugin runs, waits and ends: context, workers, deadlines, cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .context import (
        CallContext as CallContext,
        CancelRegistration as CancelRegistration,
        Progress as Progress,
        QueryLimits as QueryLimits,
    )
    from .event_loop import result_of as result_of
    from .runner import CallRunner as CallRunner
    from .worker_pool import CallerThread as CallerThread, WorkerPool as WorkerPool, Workers as Workers

_MODULES = {
    "context": ("CallContext", "CancelRegistration", "Progress", "QueryLimits"),
    "event_loop": ("result_of",),
    "runner": ("CallRunner",),
    "worker_pool": ("CallerThread", "WorkerPool", "Workers"),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
