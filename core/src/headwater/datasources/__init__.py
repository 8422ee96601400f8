"""Named data sources: the model, the store protocol, the service that changes them, the cache,
provisioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .cache import DataSourceCache as DataSourceCache
    from .commands import AddDataSource as AddDataSource, UpdateDataSource as UpdateDataSource
    from .export import export_data_sources as export_data_sources
    from .fields import (
        PLAIN_FIELDS as PLAIN_FIELDS,
        REQUEST_FIELDS as REQUEST_FIELDS,
        AddOptions as AddOptions,
        PlainField as PlainField,
        UpdateOptions as UpdateOptions,
        json_key as json_key,
    )
    from .memory_store import MemoryStore as MemoryStore
    from .model import DataSource as DataSource
    from .provisioning import (
        ProvisioningReport as ProvisioningReport,
        apply_plan as apply_plan,
        provision as provision,
        read_plan as read_plan,
    )
    from .sealed_file import SealedFile as SealedFile
    from .sealed_job import SealedJob as SealedJob, job_key as job_key
    from .service import DataSourceService as DataSourceService
    from .store import (
        ChangeNotifier as ChangeNotifier,
        DataSourceStore as DataSourceStore,
        Subscribers as Subscribers,
    )
    from .validation import check_uid as check_uid

_MODULES = {
    "cache": ("DataSourceCache",),
    "commands": ("AddDataSource", "UpdateDataSource"),
    "export": ("export_data_sources",),
    "fields": (
        "AddOptions", "PLAIN_FIELDS", "PlainField", "REQUEST_FIELDS", "UpdateOptions", "json_key",
    ),
    "memory_store": ("MemoryStore",),
    "model": ("DataSource",),
    "provisioning": ("ProvisioningReport", "apply_plan", "provision", "read_plan"),
    "sealed_file": ("SealedFile",),
    "sealed_job": ("SealedJob", "job_key"),
    "service": ("DataSourceService",),
    "store": ("ChangeNotifier", "DataSourceStore", "Subscribers"),
    "validation": ("check_uid",),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
