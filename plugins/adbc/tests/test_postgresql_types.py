"""Each type of PostgreSQL, beside what psycopg gives for it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.errors import HeadwaterError, QueryError
from headwater.frames import encode_frame


@pytest.fixture(scope="module", autouse=True)
def types(database: psycopg.Connection) -> None:
    database.execute("DROP TYPE IF EXISTS mood, pair; CREATE TYPE mood AS ENUM ('sad', 'ok')")
    database.execute("CREATE TYPE pair AS (a int, b text)")
    database.execute("DROP DOMAIN IF EXISTS positive; CREATE DOMAIN positive AS int CHECK (VALUE > 0)")


def column(headwater: Headwater, expression: str) -> pa.ChunkedArray:
    return headwater.query("db", f"SELECT {expression} AS v").table.column(0)


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("(-32768)::int2", pa.int16()),
        ("2147483647::int4", pa.int32()),
        ("(-9223372036854775808)::int8", pa.int64()),
        ("4000000000::oid", pa.int64()),
        ("5::positive", pa.int32()),
        ("1.5::float4", pa.float32()),
        ("'-infinity'::float8", pa.float64()),
        ("true", pa.bool_()),
        ("12.5::numeric(12,3)", pa.decimal128(12, 3)),
        ("(1e37)::numeric(38,0)", pa.decimal128(38, 0)),
        ("(1e60 + 0.25)::numeric(70,2)", pa.decimal256(70, 2)),
        ("'żółw'::text", pa.string()),
        ("'a'::char(3)", pa.string()),
        ("'a'::varchar(3)", pa.string()),
        ("'name'::name", pa.string()),
        (r"'\x00ff'::bytea", pa.binary()),
        ("DATE '2024-02-29'", pa.date32()),
        ("TIME '10:11:12.345678'", pa.time64("us")),
        ("TIMESTAMP '2024-01-02 03:04:05.678901'", pa.timestamp("us")),
        ("TIMESTAMPTZ '2024-01-02 03:04:05.678901+02'", pa.timestamp("us", "UTC")),
        ("array[1, NULL, 3]", pa.list_(pa.int32())),
        ("array['a', NULL]", pa.list_(pa.string())),
        ("array[TIMESTAMPTZ '2024-01-02 03:04:05+00']", pa.list_(pa.timestamp("us", "UTC"))),
        ("array[4000000000::oid]", pa.list_(pa.int64())),
        ("'ok'::mood", pa.string()),
        ("int4range(1, 5)", pa.string()),
        ("tstzrange('2024-01-01 00:00+00', NULL)", pa.string()),
        ("B'101'::varbit", pa.string()),
        ("'<a/>'::xml", pa.string()),
        ("ROW(1, 'a')::pair", pa.string()),
        ("point(1, 2)", pa.string()),
        ("'a fat cat'::tsvector", pa.string()),
        ("'08:00:2b:01:02:03'::macaddr", pa.string()),
        ("'12.50'::money", pa.string()),
        ("'16/B374D848'::pg_lsn", pa.string()),
        ("'now'::regproc", pa.string()),
        ("'[2:4]={1,2,3}'::int[]", pa.list_(pa.int32())),
    ],
)
def test_a_value_is_the_one_that_psycopg_gives(
    headwater: Headwater, database: psycopg.Connection, expression: str, type_: pa.DataType
) -> None:
    found = column(headwater, expression)
    with database.cursor() as cursor:
        row = cursor.execute(f"SELECT {expression}").fetchone()
        assert row is not None
        expected = row[0]
        if pa.types.is_string(type_) and not isinstance(expected, str):
            row = cursor.execute(f"SELECT ({expression})::text").fetchone()
            assert row is not None
            expected = row[0]
    assert found.type == (pa.list_(pa.field("item", type_.value_type)) if pa.types.is_list(type_) else type_)
    assert found.to_pylist() == [expected]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'10.0.0.1/8'::inet", "10.0.0.1/8"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("TIMETZ '10:11:12+02'", "10:11:12+02"),
        ("gen_random_uuid()::text::uuid", UUID),
        ("interval '1 mon 2 days 3.5 s'", pa.MonthDayNano([1, 2, 3_500_000_000])),
        ("'{\"a\": [1, null]}'::jsonb", '{"a": [1, null]}'),
        ("'{\"a\":1}'::json", '{"a":1}'),
    ],
)
def test_types_without_a_python_counterpart_keep_their_meaning(
    headwater: Headwater, expression: str, expected: object
) -> None:
    value = column(headwater, expression).to_pylist()[0]
    assert isinstance(value, UUID) if expected is UUID else value == expected


def test_a_numeric_of_any_length_is_exact_text_and_a_number_on_the_wire(headwater: Headwater) -> None:
    frame = headwater.query_frames("db", "SELECT 0.1234567890123456789012345678901234567890 AS v, avg(x) "
                                   "FROM generate_series(1, 2) AS x")[0]  # fmt: skip
    assert frame.table.to_pylist()[0]["v"] == "0.1234567890123456789012345678901234567890"
    wire = json.loads(encode_frame(frame))
    assert [field["type"] for field in wire["schema"]["fields"]] == ["number", "number"]
    assert wire["data"]["values"] == [[0.12345678901234568], [1.5]]


@pytest.mark.parametrize(
    ("expression", "lost"),
    [
        ("'infinity'::timestamptz", "infinite or impossible time"),
        ("'-infinity'::timestamp", "infinite or impossible time"),
        ("TIMESTAMP '294276-01-01'", "infinite or impossible time"),
        ("'infinity'::date", "infinite or impossible time"),
        ("'NaN'::numeric(5, 2)", "NaN or infinite numeric"),
        ("TIME '24:00:00'", "infinite or impossible time"),
    ],
)
def test_what_arrow_cannot_hold_becomes_null_and_is_told(
    headwater: Headwater, expression: str, lost: str
) -> None:
    frame = headwater.query_frames("db", f"SELECT {expression} AS v")[0]
    assert frame.table.column(0).to_pylist() == [None]
    assert frame.meta is not None
    assert lost in frame.meta.notices[0].text


def test_times_without_end_become_null_in_arrays_too(headwater: Headwater) -> None:
    frame = headwater.query_frames(
        "db",
        "SELECT v FROM (VALUES (1, array['infinity', '2024-01-02 03:04:05+00']::timestamptz[]), (2, NULL), "
        "(3, array[]::timestamptz[])) AS t(n, v) ORDER BY n",
    )[0]
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert frame.table.column(0).to_pylist() == [[None, moment], None, []]
    assert frame.meta is not None
    assert "1 infinite or impossible time" in frame.meta.notices[0].text
    assert column(headwater, "array['-infinity'::date]").to_pylist() == [[None]]


def test_a_value_that_the_driver_cannot_read_is_the_querys_fault_and_says_what_to_do(
    headwater: Headwater,
) -> None:
    with pytest.raises(QueryError, match="would overflow when converting to nanoseconds; cast its column"):
        column(headwater, "interval '2562047788 hours'")


def test_uuids_name_series(headwater: Headwater) -> None:
    one = "00000000-0000-0000-0000-000000000005"
    sql = f"SELECT now() AS time, '{one}'::uuid AS {{}}, 1.5 AS v"

    def value_field(column_name: str) -> pa.Field:
        query = {"rawSql": sql.format(column_name), "format": "time_series"}
        return headwater.query("db", query).schema.field(1)

    assert value_field("metric").name == one
    assert json.loads(value_field("device").metadata[b"labels"]) == {"device": one}


def test_times_at_the_ends_of_arrows_range_are_kept(headwater: Headwater) -> None:
    found = column(headwater, "TIMESTAMP '4713-01-01 BC'").cast(pa.int64())
    assert found.to_pylist() == [-210_863_520_000_000_000]


def test_nan_stays_where_a_type_has_it(headwater: Headwater) -> None:
    assert column(headwater, "'NaN'::float8").to_pylist()[0] != 0
    assert Decimal(column(headwater, "'NaN'::numeric").to_pylist()[0]).is_nan()


def test_arrays_of_several_dimensions_are_refused_and_say_what_to_do(headwater: Headwater) -> None:
    with pytest.raises(QueryError, match="cast them"):
        column(headwater, "array[[1, 2], [3, 4]]")
    assert column(headwater, "to_json(array[[1, 2], [3, 4]])").to_pylist() == ["[[1,2],[3,4]]"]


@pytest.mark.parametrize(
    ("value", "cast", "expected"),
    [
        (5, "int8", 5),
        (2.5, "float8", 2.5),
        ("it's", "text", "it's"),
        (True, "bool", True),
        (None, "text", None),
        ("2024-01-02", "date", dt.date(2024, 1, 2)),
        ("1.50", "numeric(5,2)", Decimal("1.50")),
        (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "timestamptz", dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
    ],
)
def test_parameters_are_bound_as_what_they_are(
    headwater: Headwater, value: object, cast: str, expected: object
) -> None:
    assert headwater.query("db", f"SELECT $1::{cast} AS v", params=[value]).to_pylist() == [{"v": expected}]
    named = headwater.query("db", f"SELECT :v::{cast} AS v, :v::{cast} AS w", params={"v": value})
    assert named.to_pylist() == [{"v": expected, "w": expected}]


@pytest.mark.parametrize(
    ("value", "fault"), [(2**63, "has no type that databases know"), ({"a": 1}, "do not fit the statement")]
)
def test_a_parameter_that_no_type_holds_is_the_callers_fault(
    headwater: Headwater, value: object, fault: str
) -> None:
    with pytest.raises(QueryError, match=fault):
        headwater.query("db", "SELECT $1 AS v", params=[value])


def test_what_the_server_has_not_is_not_the_drivers_fault(headwater: Headwater) -> None:
    with pytest.raises(HeadwaterError, match="db query error: cross-database references") as caught:
        headwater.query("db", "SELECT * FROM elsewhere.public.t")
    assert caught.value.status == 400


def test_a_list_fills_in(headwater: Headwater) -> None:
    sql = "SELECT n FROM generate_series(1, 5) AS n WHERE n IN (:some) ORDER BY n"
    assert headwater.query("db", sql, params={"some": [2, 4]}).table.column(0).to_pylist() == [2, 4]
