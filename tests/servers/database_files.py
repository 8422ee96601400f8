"""Database files that tests read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb


def sqlite_file(folder: Path, *statements: str) -> Path:
    path = folder / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def duckdb_file(folder: Path, *statements: str) -> Path:
    path = folder / "shop.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)
    return path
