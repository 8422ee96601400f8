"""Named data sources: the model, the store protocol, the service that changes them, the cache,
provisioning."""

from __future__ import annotations

from .cache import DataSourceCache
from .commands import AddDataSource, UpdateDataSource
from .memory_store import MemoryStore
from .model import DataSource
from .service import DataSourceService
from .store import ChangeNotifier, DataSourceStore, KeyRecord, KeyState

__all__ = [
    "AddDataSource",
    "ChangeNotifier",
    "DataSource",
    "DataSourceCache",
    "DataSourceService",
    "DataSourceStore",
    "KeyRecord",
    "KeyState",
    "MemoryStore",
    "UpdateDataSource",
]
