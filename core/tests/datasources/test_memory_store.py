from __future__ import annotations

import pytest

from headwater.datasources import DataSource, MemoryStore
from headwater.testing.stores import DataSourceStoreContract


class TestMemoryStore(DataSourceStoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def test_closing_keeps_what_it_has(self, store: MemoryStore) -> None:
        added = store.add(DataSource(uid="one", name="one", type="t"))
        store.close()
        assert store.list() == [added]
