from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.testing.stores import DataSourceStoreContract
from headwater_server.store import SqlStore


class TestSqlStore(DataSourceStoreContract):
    @pytest.fixture
    def store(self, store_url: str) -> Iterator[SqlStore]:
        store = SqlStore.open(store_url)
        yield store
        store.close()
