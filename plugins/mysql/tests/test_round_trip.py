"""Tables of every type, written by another driver and read back through both protocols and both decoders."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import attrs
import pyarrow as pa
import pytest

from headwater.models import DataSourceInstanceSettings
from headwater.sdk import Secret
from headwater_mysql.connection import Connection
from headwater_mysql.decode.choice import DecoderFactory
from headwater_mysql.handshake import Target
from headwater_mysql.settings import MySQLSettings
from servers.mysql_family import DatabaseServer

ROWS = 20_000


@attrs.frozen
class Kind:
    """A column type, what it becomes, and how to make a value of it."""

    sql: str
    type: pa.DataType
    make: Any


def _text(rng: random.Random, most: int) -> str:
    alphabet = "abc äöß 東京 🐢'\"\\%\n\0"
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most))).rstrip()


def _moment(rng: random.Random, digits: int, first: int = 1000, last: int = 9998) -> dt.datetime:
    unit = 10 ** (6 - digits)
    start = dt.datetime.fromisoformat(f"{first:04}-01-01")
    span = dt.datetime.fromisoformat(f"{last:04}-12-31") - start
    return start + dt.timedelta(microseconds=rng.randrange(span // dt.timedelta(microseconds=unit)) * unit)


def _decimal(rng: random.Random, precision: int, scale: int) -> Decimal:
    digits = rng.randint(-(10 ** rng.randint(1, precision)) + 1, 10 ** rng.randint(1, precision) - 1)
    return Decimal(f"{digits}E-{scale}")


def _integer(bits: int, *, signed: bool) -> Any:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda rng: rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(low, high)])


KINDS = [
    Kind("TINYINT", pa.int8(), _integer(8, signed=True)),
    Kind("TINYINT UNSIGNED", pa.uint8(), _integer(8, signed=False)),
    Kind("TINYINT(1)", pa.int8(), lambda rng: rng.randint(0, 5)),
    Kind("SMALLINT", pa.int16(), _integer(16, signed=True)),
    Kind("SMALLINT UNSIGNED", pa.uint16(), _integer(16, signed=False)),
    Kind("MEDIUMINT", pa.int32(), _integer(24, signed=True)),
    Kind("MEDIUMINT UNSIGNED", pa.uint32(), _integer(24, signed=False)),
    Kind("INT", pa.int32(), _integer(32, signed=True)),
    Kind("INT UNSIGNED", pa.uint32(), _integer(32, signed=False)),
    Kind("INT(8) ZEROFILL", pa.uint32(), _integer(32, signed=False)),
    Kind("BIGINT", pa.int64(), _integer(64, signed=True)),
    Kind("BIGINT UNSIGNED", pa.uint64(), _integer(64, signed=False)),
    Kind("BIT(1)", pa.uint64(), lambda rng: rng.randint(0, 1)),
    Kind("BIT(20)", pa.uint64(), lambda rng: rng.getrandbits(20)),
    Kind("BIT(64)", pa.uint64(), lambda rng: rng.getrandbits(64)),
    Kind("YEAR", pa.uint16(), lambda rng: rng.choice([0, 1901, 2155, rng.randint(1901, 2155)])),
    Kind("FLOAT", pa.float32(), lambda rng: rng.randint(-9999, 9999) / 4),  # text shows 6 digits of it
    Kind("DOUBLE", pa.float64(), lambda rng: rng.uniform(-1, 1) * 10 ** rng.randint(-300, 300)),
    Kind("DECIMAL(5,2)", pa.decimal128(5, 2), lambda rng: _decimal(rng, 5, 2)),
    Kind("DECIMAL(38,10)", pa.decimal128(38, 10), lambda rng: _decimal(rng, 38, 10)),
    Kind("DECIMAL(65,30)", pa.decimal256(65, 30), lambda rng: _decimal(rng, 65, 30)),
    Kind("DECIMAL(10) UNSIGNED", pa.decimal128(10, 0), lambda rng: abs(_decimal(rng, 10, 0))),
    Kind("DATE", pa.date32(), lambda rng: _moment(rng, 0).date()),
    Kind("DATETIME", pa.timestamp("us"), lambda rng: _moment(rng, 0)),
    Kind("DATETIME(3)", pa.timestamp("us"), lambda rng: _moment(rng, 3)),
    Kind("DATETIME(6)", pa.timestamp("us"), lambda rng: _moment(rng, 6)),
    Kind(
        "TIMESTAMP(6) NULL",
        pa.timestamp("us", "UTC"),
        lambda rng: _moment(rng, 6, 1971, 2037).replace(tzinfo=dt.UTC),
    ),
    Kind("TIME", pa.duration("us"), lambda rng: dt.timedelta(seconds=rng.randint(-3_020_399, 3_020_399))),
    Kind("TIME(6)", pa.duration("us"), lambda rng: dt.timedelta(microseconds=rng.randint(-(10**12), 10**12))),
    Kind("CHAR(20)", pa.string(), lambda rng: _text(rng, 20)),
    Kind("VARCHAR(300)", pa.string(), lambda rng: _text(rng, 300 if rng.random() < 0.05 else 20)),
    Kind("TEXT CHARACTER SET latin1", pa.string(), lambda rng: "é" * rng.randint(0, 30)),
    Kind("ENUM('small','größe','')", pa.string(), lambda rng: rng.choice(["small", "größe", ""])),
    Kind("SET('a','b','c')", pa.string(), lambda rng: rng.choice(["", "a", "a,c", "a,b,c"])),
    Kind("JSON", pa.string(), lambda rng: f'{{"n": {rng.randint(0, 9)}, "s": "ü"}}'),
    Kind("VARBINARY(50)", pa.binary(), lambda rng: rng.randbytes(rng.randint(0, 50))),
    Kind("BLOB", pa.binary(), lambda rng: rng.randbytes(rng.choice([0, 3, 250, 251, 400]))),
]  # fmt: skip


def _sent(kind: Kind, value: Any) -> Any:
    """What the other driver needs to be given: it writes durations and zones in its own way."""
    if isinstance(value, dt.timedelta):
        size = abs(value)
        seconds = size // dt.timedelta(seconds=1)
        sign = "-" if value < dt.timedelta(0) else ""
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{size.microseconds:06}"
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, float):
        return repr(value)
    return value


@pytest.fixture(scope="module")
def rows() -> list[list[Any]]:
    """The same random rows for all servers, a tenth of the values NULL."""
    rng = random.Random(20_000)
    return [[None if rng.random() < 0.1 else kind.make(rng) for kind in KINDS] for _ in range(ROWS)]


@pytest.fixture(scope="module")
def filled(server: DatabaseServer, rows: list[list[Any]]) -> DatabaseServer:
    """The server with table `every_type` holding `rows`."""
    columns = ", ".join(f"c{index} {kind.sql}" for index, kind in enumerate(KINDS))
    places = ", ".join(["%s"] * len(KINDS))
    with server.admin() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("DROP TABLE IF EXISTS every_type")
        cursor.execute(f"CREATE TABLE every_type (id INT PRIMARY KEY, {columns}) CHARSET=utf8mb4")
        sent = [
            [index, *(_sent(kind, value) for kind, value in zip(KINDS, row, strict=True))]
            for index, row in enumerate(rows)
        ]
        cursor.executemany(f"INSERT INTO every_type VALUES (%s, {places})", sent)
    return server


@pytest.fixture(scope="module")
def expected(rows: list[list[Any]]) -> pa.Table:
    arrays = [pa.array([row[index] for row in rows], kind.type) for index, kind in enumerate(KINDS)]
    return pa.Table.from_arrays(arrays, [f"c{index}" for index in range(len(KINDS))])


@pytest.fixture
def connection(filled: DatabaseServer, decoder: DecoderFactory) -> Iterator[Connection]:
    with closing(connect(filled, decoder)) as opened:
        yield opened


def connect(server: DatabaseServer, decoder: DecoderFactory, **changes: Any) -> Connection:
    settings = MySQLSettings(password=Secret(server.password), **changes)
    instance = DataSourceInstanceSettings(
        uid="u", name="n", type="mysql", url=server.address, user=server.user, database=server.database
    )
    return Connection.open(Target.of(settings, instance), 10, decoder)


@pytest.mark.parametrize("batch_rows", [777, 9_999])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_random_rows_of_every_type_come_back_exactly(
    connection: Connection, expected: pa.Table, binary: bool, batch_rows: int
) -> None:
    columns = ", ".join(f"c{index}" for index in range(len(KINDS)))
    result = connection.execute(
        f"SELECT {columns} FROM every_type ORDER BY id", binary=binary, batch_rows=batch_rows
    )
    assert result.header is not None
    batches = list(result.batches())
    for batch in batches:
        batch.validate(full=True)
    table = pa.Table.from_batches(batches, result.header.plan.schema)
    assert table.schema == expected.schema
    for index, kind in enumerate(KINDS):
        assert table.column(index).equals(expected.column(index)), kind.sql
    assert [batch.num_rows for batch in batches[:-1]] == [batch_rows] * (len(batches) - 1)
    assert connection.reusable


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
@pytest.mark.parametrize("size", [2**24 - 20, 2**24, 2**25 + 5])
def test_values_beyond_16_mib_are_joined(connection: Connection, binary: bool, size: int) -> None:
    result = connection.execute(f"SELECT 1 AS a, REPEAT('x', {size}) AS b, 2 AS c", binary=binary)
    (batch,) = result.batches()
    assert [batch.column(0)[0].as_py(), len(batch.column(1)[0].as_py()), batch.column(2)[0].as_py()] == [
        1,
        size,
        2,
    ]
    assert connection.reusable


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_geometry_is_srid_and_wkb(connection: Connection, binary: bool) -> None:
    (batch,) = connection.execute("SELECT ST_GeomFromText('POINT(1 2)', 0) AS g", binary=binary).batches()
    value = batch.column(0)[0].as_py()
    assert value[:4] == b"\0\0\0\0"
    assert value[4:9] == b"\x01\x01\0\0\0"


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_a_bare_null_and_a_wide_sum_have_their_own_types(connection: Connection, binary: bool) -> None:
    sql = "SELECT NULL AS nothing, SUM(c10) AS total FROM every_type WHERE id < 3"
    result = connection.execute(sql, binary=binary)
    assert result.header is not None
    assert result.header.plan.schema.types == [pa.null(), pa.decimal256(41, 0)]
    (batch,) = result.batches()
    assert batch.column(0).null_count == 1


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_zero_dates_become_null_and_are_counted(
    filled: DatabaseServer, connection: Connection, binary: bool
) -> None:
    filled.execute(
        "DROP TABLE IF EXISTS zero_dates",
        "CREATE TABLE zero_dates (d DATE, t DATETIME(3), s TIMESTAMP NULL)",
        "SET SESSION sql_mode = ''",
    )
    with filled.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(
            "INSERT INTO zero_dates VALUES (0, 0, 0), ('2024-00-00', '2024-02-31', NULL), "
            "('2024-01-01', '2024-01-01 00:00:00.5', '2024-01-01')"
        )
    result = connection.execute("SELECT * FROM zero_dates", binary=binary)
    (batch,) = result.batches()
    assert [column.null_count for column in batch.columns] == [2, 2, 2]
    assert result.zero_dates == 5


def test_a_stored_procedures_results_are_joined(filled: DatabaseServer, connection: Connection) -> None:
    filled.execute(
        "DROP PROCEDURE IF EXISTS twice",
        "CREATE PROCEDURE twice() BEGIN SELECT 1 AS a; SELECT 2 AS a; END",
    )
    result = connection.execute("CALL twice()")
    assert [batch.to_pylist() for batch in result.batches()] == [[{"a": 1}], [{"a": 2}]]
    assert result.done
    assert not connection.reusable  # a procedure may have changed the session


@pytest.mark.parametrize(
    "sql", ["EXPLAIN SELECT * FROM every_type", "SHOW TABLES", "SHOW WARNINGS", "CHECK TABLE every_type"]
)
def test_statements_other_than_select_return_their_rows(connection: Connection, sql: str) -> None:
    result = connection.execute(sql)
    assert result.header is not None
    assert sum(batch.num_rows for batch in result.batches()) >= (0 if sql == "SHOW WARNINGS" else 1)


def test_a_statement_that_cannot_be_prepared_is_sent_as_text(
    filled: DatabaseServer, connection: Connection
) -> None:
    filled.execute(
        "DROP PROCEDURE IF EXISTS prepares",
        "CREATE PROCEDURE prepares() BEGIN PREPARE s FROM 'SELECT 3 AS a'; EXECUTE s; END",
    )
    statement = "PREPARE s FROM 'SELECT 1'"  # errno 1295 on every server
    assert connection.execute(statement).header is None
    assert [batch.to_pylist() for batch in connection.execute("EXECUTE s").batches()] == [[{"1": 1}]]


def test_vectors_are_bytes(mysql_server: DatabaseServer, decoder: DecoderFactory) -> None:
    with closing(connect(mysql_server, decoder)) as connection:
        (batch,) = connection.execute("SELECT TO_VECTOR('[1,2.5]') AS v").batches()
        assert batch.column(0)[0].as_py() == b"\0\0\x80?\0\0 @"


def test_timestamps_are_utc_whatever_the_servers_zone(
    filled: DatabaseServer, decoder: DecoderFactory
) -> None:
    filled.execute("SET GLOBAL time_zone = '+05:30'")
    try:
        with closing(connect(filled, decoder)) as connection:
            sql = "SELECT CAST(FROM_UNIXTIME(1704067200) AS DATETIME) AS d, @@session.time_zone AS z"
            (batch,) = connection.execute(sql).batches()
            assert batch.column(0)[0].as_py() == dt.datetime.fromisoformat("2024-01-01")
            assert batch.column(1)[0].as_py() == "+00:00"
    finally:
        filled.execute("SET GLOBAL time_zone = 'SYSTEM'")


def test_timestamps_of_a_configured_zone_are_local_and_unlabelled(
    filled: DatabaseServer, decoder: DecoderFactory
) -> None:
    filled.execute(
        "DROP TABLE IF EXISTS moments",
        "CREATE TABLE moments (t TIMESTAMP NULL)",
        "INSERT INTO moments VALUES (FROM_UNIXTIME(1704067200))",
    )
    with closing(connect(filled, decoder, timezone="+05:30")) as connection:
        result = connection.execute("SELECT t FROM moments")
        (batch,) = result.batches()
        assert batch.schema.types == [pa.timestamp("us")]
        assert batch.column(0)[0].as_py() == dt.datetime.fromisoformat("2024-01-01 05:30:00")
