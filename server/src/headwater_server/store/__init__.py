"""Data sources, keys and secrets in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB."""

from __future__ import annotations

from .sql_store import SqlStore

__all__ = ["SqlStore"]
