"""Rows of PostgreSQL as Arrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ours import host, streamed


def rows_sql(rows: int) -> str:
    return f"SELECT id, value, text FROM narrow WHERE id <= {rows}"


def driver(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """The limit: the ADBC driver that Headwater uses, alone."""
    import adbc_driver_postgresql.dbapi as adbc

    connection = adbc.connect(address["url"])

    def call() -> int:
        with connection.cursor() as cursor:
            cursor.execute(rows_sql(rows))
            return sum(batch.num_rows for batch in cursor.fetch_record_batch())

    return call


def headwater(address: dict[str, Any], rows: int) -> Callable[[], int]:
    made = host(
        type="postgresql", url=f"127.0.0.1:{address['port']}", user=address["user"], database="postgres",
        json_data={"sslmode": "disable"}, secure_json_data={"password": address["password"]},
    )  # fmt: skip
    streamed(made, rows_sql(1))
    return lambda: streamed(made, rows_sql(rows))


def connectorx(address: dict[str, Any], rows: int) -> Callable[[], int]:
    import connectorx as cx

    cx.read_sql(address["url"], "SELECT 1 AS one", return_type="arrow")
    return lambda: int(cx.read_sql(address["url"], rows_sql(rows), return_type="arrow").num_rows)


def psycopg(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """psycopg's rows, turned into a table by pyarrow."""
    import psycopg as peer
    import pyarrow as pa

    connection = peer.connect(address["url"])

    def call() -> int:
        with connection.cursor() as cursor:
            cursor.execute(rows_sql(rows))
            names = [each.name for each in cursor.description or ()]
            columns = list(zip(*cursor.fetchall(), strict=True))
        return len(pa.table(dict(zip(names, map(pa.array, columns), strict=True))))

    return call
