"""Rows of MariaDB as Arrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ours import host, streamed


def rows_sql(rows: int) -> str:
    return f"SELECT id, metric, value FROM narrow WHERE id < {rows}"


def columns_sql(columns: int) -> str:
    """100,000 rows of numbers and texts by turns."""
    chosen = ", ".join(f"{('id', 'value', 'metric')[n % 3]} AS c{n}" for n in range(columns))
    return f"SELECT {chosen} FROM narrow WHERE id < 100000"


def wire(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """The limit: ask for the same bytes and throw them away."""
    return _wire(address, rows_sql(rows), rows)


def wire_columns(address: dict[str, Any], columns: int) -> Callable[[], int]:
    return _wire(address, columns_sql(columns), 100_000)


def headwater(address: dict[str, Any], rows: int) -> Callable[[], int]:
    return _headwater(address, rows_sql(rows), "native")


def headwater_columns(address: dict[str, Any], columns: int) -> Callable[[], int]:
    return _headwater(address, columns_sql(columns), "native")


def headwater_numpy(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """Without the compiled decoder."""
    return _headwater(address, rows_sql(rows), "numpy")


def connectorx(address: dict[str, Any], rows: int) -> Callable[[], int]:
    return _connectorx(address, rows_sql(rows))


def connectorx_columns(address: dict[str, Any], columns: int) -> Callable[[], int]:
    return _connectorx(address, columns_sql(columns))


def pymysql(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """PyMySQL's rows, turned into a table by pyarrow."""
    import pyarrow as pa

    connection = _connect(address)
    sql = rows_sql(rows)

    def call() -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            names = [each[0] for each in cursor.description]
            columns = list(zip(*cursor.fetchall(), strict=True))
        return len(pa.table(dict(zip(names, map(pa.array, columns), strict=True))))

    return call


def _wire(address: dict[str, Any], sql: str, rows: int) -> Callable[[], int]:
    connection = _connect(address)

    def call() -> int:
        connection._execute_command(3, sql)
        buffer = bytearray(1 << 20)
        tail = b""
        while not _is_over(tail):
            received = connection._sock.recv_into(buffer)
            tail = (tail + bytes(buffer[max(0, received - 9) : received]))[-9:]
        return rows

    return call


def _is_over(tail: bytes) -> bool:
    """Whether `tail` is the end of rows: a packet of five bytes that begins with 0xfe."""
    return len(tail) == 9 and tail[:3] == b"\x05\0\0" and tail[4] == 0xFE and tail[3] != 0


def _headwater(address: dict[str, Any], sql: str, decoder: str) -> Callable[[], int]:
    made = host(
        type="mysql", url=f"127.0.0.1:{address['port']}", user=address["user"], database=address["database"],
        json_data={"decoder": decoder}, secure_json_data={"password": address["password"]},
    )  # fmt: skip
    made.query("source", "SELECT 1 AS one, 'a' AS text, 1.5e0 AS value")
    return lambda: streamed(made, sql)


def _connectorx(address: dict[str, Any], sql: str) -> Callable[[], int]:
    from urllib.parse import quote

    import connectorx as cx

    password = quote(address["password"])
    url = f"mysql://{address['user']}:{password}@127.0.0.1:{address['port']}/{address['database']}"
    cx.read_sql(url, "SELECT 1 AS one", return_type="arrow")
    return lambda: int(cx.read_sql(url, sql, return_type="arrow").num_rows)


def _connect(address: dict[str, Any]) -> Any:
    import pymysql as driver

    return driver.connect(
        host="127.0.0.1", port=address["port"], user=address["user"], database=address["database"],
        password=address["password"].encode(),
    )  # fmt: skip
