"""Short ways for tests to ask a MySQL data source, and to look at what its server is doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from headwater.frames import FrameStream
from headwater.models import DataQuery, TimeRange
from headwater.sdk import CallContext
from headwater_mysql.datasource import MySQLDataSource
from headwater_mysql.query_model import MySQLQuery
from servers.mysql_family import DatabaseServer

DataSourceFactory = Callable[..., MySQLDataSource]
"""Type of the fixture `open_data_source`."""


def query(
    data_source: MySQLDataSource,
    sql: str,
    context: CallContext,
    *,
    time_range: TimeRange | None = None,
    **keys: Any,
) -> FrameStream:
    asked = DataQuery(json={"rawSql": sql, **keys})
    if time_range is not None:
        asked = evolve(asked, time_range=time_range)
    stream = data_source.query(MySQLQuery(raw_sql=sql, data_query=asked, **keys), context)
    assert isinstance(stream, FrameStream)
    return stream


def running(server: DatabaseServer, text: str) -> int:
    """How many statements like `text` the server is working on."""
    others = "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    return int(server.rows(f"SELECT COUNT(*) {others} AND INFO LIKE '{text}%'")[0][0])
