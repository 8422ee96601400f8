"""What a query can ask for: what all SQL data sources do. Subclass it for keys of your own."""

from __future__ import annotations

from headwater.sdk.sql import SqlQuery

__all__ = ["SqlQuery"]
