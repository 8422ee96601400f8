"""Tables of database files stand in a statement over data sources by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import HeadwaterError
from servers.database_files import duckdb_file, sqlite_file


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_table_is_named_behind_its_data_source(kind: str, tmp_path: Path) -> None:
    make: Callable[..., Path] = {"sqlite": sqlite_file, "duckdb": duckdb_file}[kind]
    path = make(tmp_path, 'CREATE TABLE "my orders" (id INTEGER)', 'INSERT INTO "my orders" VALUES (1), (2)')
    with Headwater() as host:
        host.add_data_source("shop", type=kind, url=str(path))
        for table in ('shop."my orders"', 'shop.main."my orders"'):
            assert host.sql(f"SELECT sum(id) AS total FROM {table}").to_pylist() == [{"total": 3}]
        with pytest.raises(HeadwaterError, match="nope"):
            host.sql("SELECT * FROM shop.nope")
