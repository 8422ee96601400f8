"""The query model: Grafana's MySQL query, with bound parameters and partitioned reads besides."""

from __future__ import annotations

from attrs import frozen

from headwater.sdk.sql import SqlQuery


@frozen(kw_only=True)
class MySQLQuery(SqlQuery):
    """What all SQL data sources ask for."""
