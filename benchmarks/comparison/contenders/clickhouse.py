"""Rows of ClickHouse as Arrow."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from .ours import host, streamed

_SETTINGS = {
    "output_format_arrow_compression_method": "none",
    "output_format_arrow_low_cardinality_as_dictionary": "1",
}


def rows_sql(rows: int) -> str:
    return (
        "SELECT number AS id, toDateTime(1700000000 + number) AS at, number * 1.5 AS price, "
        "toString(number) AS name, toLowCardinality(concat('host-', toString(number % 100))) AS host, "
        "CAST(number % 3, 'Enum8(\\'ok\\' = 0, \\'slow\\' = 1, \\'failed\\' = 2)') AS state "
        f"FROM numbers({rows})"
    )


def wire(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """The limit: ask for the same bytes and throw them away."""
    query = urlencode(
        {"query": rows_sql(rows), "default_format": "ArrowStream", **_SETTINGS}, quote_via=quote
    )
    request = f"GET /?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    def call() -> int:
        buffer = bytearray(1 << 20)
        with socket.create_connection(("127.0.0.1", address["port"])) as connection:
            connection.sendall(request)
            while connection.recv_into(buffer):
                pass
        return rows

    return call


def headwater(address: dict[str, Any], rows: int) -> Callable[[], int]:
    made = host(type="clickhouse", url=f"http://127.0.0.1:{address['port']}")
    streamed(made, rows_sql(1))
    sql = rows_sql(rows)
    return lambda: streamed(made, sql)


def clickhouse_connect(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """Its stream of Arrow batches, in which text is bytes and states are numbers."""
    import clickhouse_connect as peer

    client = peer.get_client(host="127.0.0.1", port=address["port"])
    list(client.query_arrow_stream(rows_sql(1), settings=_SETTINGS).gen)

    def call() -> int:
        with client.query_arrow_stream(rows_sql(rows), settings=_SETTINGS) as stream:
            return sum(batch.num_rows for batch in stream)

    return call


def clickhouse_connect_table(address: dict[str, Any], rows: int) -> Callable[[], int]:
    """Its columns in the native format, turned into a table by pyarrow."""
    import clickhouse_connect as peer
    import pyarrow as pa

    client = peer.get_client(host="127.0.0.1", port=address["port"])
    client.query(rows_sql(1))

    def call() -> int:
        result = client.query(rows_sql(rows), column_oriented=True)
        arrays = map(pa.array, result.result_columns)
        return len(pa.table(dict(zip(result.column_names, arrays, strict=True))))

    return call
