"""The tables that the MySQL benchmarks read: wide (16 columns of common types) and narrow (3)."""

from __future__ import annotations

from servers.mysql_family import DatabaseServer

WIDE_COLUMNS = """
    id BIGINT NOT NULL PRIMARY KEY, customer INT UNSIGNED NOT NULL, store SMALLINT NOT NULL,
    state TINYINT NOT NULL, flag TINYINT(1), price DECIMAL(12,2), weight FLOAT, score DOUBLE NOT NULL,
    ratio DOUBLE,
    created DATETIME(6) NOT NULL, updated TIMESTAMP(3) NULL, day DATE NOT NULL, took TIME(3),
    name VARCHAR(32) NOT NULL, city VARCHAR(32), note VARCHAR(96)
"""

_WIDE_VALUES = """
    n, n * 2654435761 % 4294967296, n % 1000 - 500, n % 256 - 128,
    IF(n % 10 = 0, NULL, n % 2), (n % 10000000) / 100, n / 7, n * 1.000001e3,
    IF(n % 20 = 0, NULL, 1 / (n + 1)),
    '2024-01-01' + INTERVAL n * 1000003 MICROSECOND, '2024-01-01' + INTERVAL n SECOND,
    '2000-01-01' + INTERVAL n % 10000 DAY, SEC_TO_TIME(n % 86400),
    CONCAT('customer-', n), ELT(n % 5 + 1, 'Zürich', 'Oslo', 'São Paulo', 'Berlin', 'Kyoto'),
    IF(n % 15 = 0, NULL, REPEAT(CHAR(97 + n % 26), 8 + n % 48))
"""

NARROW_COLUMNS = "id BIGINT NOT NULL PRIMARY KEY, metric VARCHAR(16) NOT NULL, value DOUBLE NOT NULL"

_NARROW_VALUES = "n, CONCAT('sensor-', n % 50), SIN(n / 1000) * 100"

_BLOCK = 250_000


def fill(server: DatabaseServer, table: str, rows: int) -> None:
    """Make `wide` or `narrow` with `rows` rows, in blocks so that no transaction grows large."""
    columns, values = (WIDE_COLUMNS, _WIDE_VALUES) if table == "wide" else (NARROW_COLUMNS, _NARROW_VALUES)
    server.execute(f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({columns}) CHARSET=utf8mb4")
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        server.execute(f"INSERT INTO {table} SELECT {values} FROM ({_numbers(start, count)}) AS numbers")
    server.execute(f"ANALYZE TABLE {table}")


def _numbers(start: int, count: int) -> str:
    """`count` consecutive numbers as n: a cross join of digits, which both servers do quickly."""
    digits = " UNION ALL ".join(f"SELECT {digit}{' AS d' if digit == 0 else ''}" for digit in range(10))
    places = 6
    terms = " + ".join(f"t{place}.d * {10**place}" for place in range(places))
    joins = ", ".join(f"({digits}) AS t{place}" for place in range(places))
    return f"SELECT {start} + k.k AS n FROM (SELECT {terms} AS k FROM {joins}) AS k WHERE k.k < {count}"
