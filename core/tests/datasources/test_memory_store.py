from __future__ import annotations

import pytest

from headwater.datasources import MemoryStore
from headwater.testing.stores import DataSourceStoreContract


class TestMemoryStore(DataSourceStoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
