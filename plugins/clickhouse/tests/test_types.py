"""Every ClickHouse type arrives as the Arrow type that says what it is, on both engines."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import QueryError
from headwater_clickhouse.types.scalars import zone_for_arrow
from servers.clickhouse import Ask

UTC = dt.UTC
ENUM = pa.dictionary(pa.int8(), pa.string())
LOW_CARDINALITY = pa.dictionary(pa.int32(), pa.string())
IDENTITY = uuid.UUID("61f0c404-5cb3-11e7-907b-a6006ad3dba0")
CALENDAR = pa.month_day_nano_interval()
BERLIN = pa.timestamp("s", "Europe/Berlin")
INT128_MIN, UINT128_MAX = -(2**127), 2**128 - 1
INT256_MIN, UINT256_MAX = -(2**255), 2**256 - 1


def moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, UTC)


def items(type_: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", type_, nullable=False))


CASES: dict[str, tuple[str, pa.DataType, Any]] = {
    "whole number": ("toInt64(-9223372036854775807)", pa.int64(), -9223372036854775807),
    "unsigned number": ("18446744073709551615", pa.uint64(), 18446744073709551615),
    "real uint32": ("toUInt32(4294967295)", pa.uint32(), 4294967295),
    "real int8": ("toInt8(-7)", pa.int8(), -7),
    "Bool": ("true", pa.bool_(), True),
    "Float32": ("toFloat32(1.5)", pa.float32(), 1.5),
    "BFloat16": ("toBFloat16(1.5)", pa.float32(), 1.5),
    "Decimal": ("toDecimal64('1.50', 4)", pa.decimal128(18, 4), Decimal("1.5000")),
    "Int128": (f"toInt128('{INT128_MIN}')", pa.decimal256(39, 0), Decimal(INT128_MIN)),
    "UInt128": (f"toUInt128('{UINT128_MAX}')", pa.decimal256(39, 0), Decimal(UINT128_MAX)),
    "Int256": (f"toInt256('{INT256_MIN}')", pa.string(), str(INT256_MIN)),
    "UInt256": (f"toUInt256('{UINT256_MAX}')", pa.string(), str(UINT256_MAX)),
    "Date": ("toDate('2024-02-29')", pa.date32(), dt.date(2024, 2, 29)),
    "Date32": ("toDate32('1925-01-01')", pa.date32(), dt.date(1925, 1, 1)),
    "DateTime in the server's zone": (
        "toDateTime(4102444799)",
        pa.timestamp("s", "Etc/UTC"),
        moment(4102444799),
    ),
    "DateTime in a zone": ("toDateTime(1700000000, 'Europe/Berlin')", BERLIN, moment(1700000000)),
    "DateTime64": (
        "toDateTime64(1700000000.123, 3, 'UTC')",
        pa.timestamp("ms", "UTC"),
        moment(1700000000.123),
    ),
    "Enum8": ("CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = -2)')", ENUM, "b"),
    "Enum16": ("CAST(1000, 'Enum16(\\'ż\\' = 1000)')", ENUM, "ż"),
    "IPv4": ("toIPv4('192.168.0.255')", pa.string(), "192.168.0.255"),
    "IPv6": ("toIPv6('2001:db8::1')", pa.string(), "2001:db8::1"),
    "IPv4 within IPv6": ("toIPv6('::ffff:1.2.3.4')", pa.string(), "::ffff:1.2.3.4"),
    "String": ("'żółw'", pa.string(), "żółw"),
    "String that is no text": ("unhex('ff00fe')", pa.binary(), b"\xff\x00\xfe"),
    "FixedString": ("toFixedString('ab', 4)", pa.string(), "ab"),
    "FixedString that is no text": ("toFixedString(unhex('ff'), 2)", pa.binary(2), b"\xff\x00"),
    "UUID": (f"toUUID('{IDENTITY}')", pa.uuid(), IDENTITY),
    "JSON": ("CAST('{\"a\":1}', 'JSON')", pa.json_(pa.string()), '{"a":1}'),
    "LowCardinality": ("toLowCardinality('x')", LOW_CARDINALITY, "x"),
    "LowCardinality(FixedString)": ("CAST('x', 'LowCardinality(FixedString(4))')", LOW_CARDINALITY, "x"),
    "SimpleAggregateFunction": (
        "CAST(toIPv4('1.1.1.1'), 'SimpleAggregateFunction(any, IPv4)')",
        pa.string(),
        "1.1.1.1",
    ),
    "Array(DateTime)": ("[toDateTime(1, 'Europe/Berlin')]", items(BERLIN), [moment(1)]),
    "Array(Enum8)": ("[CAST('a', 'Enum8(\\'a\\' = 1)')]", items(ENUM), ["a"]),
    "Array(Array(IPv4))": ("[[toIPv4('1.2.3.4')], []]", None, [["1.2.3.4"], []]),
    "Map to DateTime": ("map('k', toDateTime(1, 'Europe/Berlin'))", None, [("k", moment(1))]),
    "Tuple": (
        "CAST((1, '1.1.1.1'), 'Tuple(a Date, b IPv4)')",
        None,
        {"a": dt.date(1970, 1, 2), "b": "1.1.1.1"},
    ),
    "Nested": (
        "CAST([(1, '1.1.1.1')], 'Nested(a Date, b IPv4)')",
        None,
        [{"a": dt.date(1970, 1, 2), "b": "1.1.1.1"}],
    ),
    "Array(Nullable(DateTime))": (
        "[toNullable(toDateTime(1, 'Europe/Berlin')), NULL]",
        None,
        [moment(1), None],
    ),
    "Variant": ("CAST(toIPv4('1.2.3.4'), 'Variant(IPv4, String)')", None, "1.2.3.4"),
    "Variant of text, an array or a map": (
        "['x'::Variant(String, Array(UInt8), Map(String, UInt8)), [1], map('a', 1), NULL]",
        None,
        ["x", [1], [("a", 1)], None],
    ),
    "Variant of a tuple": (
        "('1.1.1.1', 'x')::Tuple(a IPv4, b Enum8('x' = 1))::Variant(String, Tuple(a IPv4, b Enum8('x' = 1)))",
        None,
        {"a": "1.1.1.1", "b": "x"},
    ),
    "Dynamic": ("CAST('null', 'Dynamic')", pa.json_(pa.string()), '"null"'),
    "Dynamic without a value": ("CAST(NULL, 'Dynamic')", pa.json_(pa.string()), None),
    "Dynamic without a value, nested": (
        "(CAST(NULL, 'Dynamic'), [CAST(NULL, 'Dynamic')], map('k', CAST(NULL, 'Dynamic')))",
        None,
        {"1": None, "2": [None], "3": [("k", None)]},
    ),
    "path that a JSON lacks": ("CAST('{}', 'JSON').a.b", pa.json_(pa.string()), None),
    "Time": ("'23:59:59'::Time", pa.duration("s"), dt.timedelta(hours=24, seconds=-1)),
    "Time64": ("'001:02:03.5'::Time64(3)", pa.duration("ms"), dt.timedelta(seconds=3723.5)),
    "Time64 in microseconds": ("'000:00:00.000001'::Time64(6)", pa.duration("us"), dt.timedelta(0, 0, 1)),
    "Array(Time)": ("['00:00:01'::Time, NULL]", None, [dt.timedelta(seconds=1), None]),
    "IntervalMillisecond": ("toIntervalMillisecond(5)", pa.duration("ms"), dt.timedelta(0, 0, 5000)),
    "IntervalMinute": ("INTERVAL -5 MINUTE", pa.duration("s"), dt.timedelta(minutes=-5)),
    "IntervalHour": ("INTERVAL 2 HOUR", pa.duration("s"), dt.timedelta(hours=2)),
    "IntervalDay": ("INTERVAL 3 DAY", CALENDAR, pa.MonthDayNano([0, 3, 0])),
    "IntervalWeek": ("INTERVAL 2 WEEK", CALENDAR, pa.MonthDayNano([0, 14, 0])),
    "IntervalMonth": ("toIntervalMonth(-2)", CALENDAR, pa.MonthDayNano([-2, 0, 0])),
    "IntervalQuarter": ("toIntervalQuarter(2)", CALENDAR, pa.MonthDayNano([6, 0, 0])),
    "IntervalYear": ("toIntervalYear(2)", CALENDAR, pa.MonthDayNano([24, 0, 0])),
    "Nullable interval": ("if(materialize(1), NULL, toIntervalYear(2))", CALENDAR, None),
    "sum of intervals": (
        "INTERVAL 1 DAY + INTERVAL 1 HOUR",
        None,
        {"1": pa.MonthDayNano([0, 1, 0]), "2": dt.timedelta(hours=1)},
    ),
    "Point": ("(1., 2.)::Point", None, {"1": 1.0, "2": 2.0}),
    "Geometry": ("(1.5, 2.5)::Point::Geometry", None, {"1": 1.5, "2": 2.5}),
    "Geometry in a tuple": (
        "(toDateTime(1), [(1., 2.)]::Ring::Geometry)",
        None,
        {"1": moment(1), "2": [{"1": 1.0, "2": 2.0}]},
    ),
    "empty tuple": ("tuple()", pa.struct([]), {}),
    "nested empty tuples": ("([tuple(), tuple()], tuple(tuple()))", None, {"1": [{}, {}], "2": {"1": {}}}),
    "empty array": ("[]", None, []),
}
SETTINGS = "SETTINGS allow_experimental_variant_type = 1, allow_suspicious_low_cardinality_types = 1"


@pytest.mark.parametrize("case", CASES)
def test_a_type_arrives_as_what_it_is(ask: Ask, case: str) -> None:
    expression, wanted, value = CASES[case]
    table = ask(f"SELECT {expression} AS v {SETTINGS}")
    if wanted is not None:
        assert table.schema.field("v").type == wanted
    assert table.column("v").to_pylist() == [value]
    table.validate(full=True)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("'25:00:00'::Time", 90_000),
        ("'-00:00:01'::Time", -1),
        ("'24:00:00'::Time64(3)", 86_400),
        ("'-999:59:59'::Time64(6)", -3_599_999),
        ("'999:59:59.5'::Time64(3)", 3_599_999.5),
    ],
)
def test_times_go_below_zero_and_past_a_day(ask: Ask, time: str, seconds: float) -> None:
    table = ask(f"SELECT {time} AS v")
    assert table.column("v").to_pylist() == [dt.timedelta(seconds=seconds)]


def test_times_past_a_day_leave_the_other_columns_as_they_are(ask: Ask) -> None:
    rows = (
        "SELECT number AS n, if(n = 1, NULL, '25:00:00.25'::Time64(2)) AS `a``b`, '-01:00:00'::Time AS t, "
        "toDateTime(n, 'Asia/Tokyo') AS d, {x:String} AS x FROM numbers(3) ORDER BY n DESC -- all"
    )
    table = ask({"rawSql": rows, "params": {"x": "y"}})
    day = dt.timedelta(hours=25, milliseconds=250)
    assert table.column("n").to_pylist() == [2, 1, 0]
    assert table.column("a`b").to_pylist() == [day, None, day]
    assert [str(field.type) for field in table.schema] == [
        "uint64",
        "duration[ms]",
        "duration[s]",
        "timestamp[s, tz=Asia/Tokyo]",
        "string",
    ]


def test_rows_of_empty_tuples_are_counted(ask: Ask) -> None:
    assert ask("SELECT tuple() AS t FROM numbers(3)").num_rows == 3
    assert ask("SELECT number, tuple() AS t FROM numbers(2)").to_pylist() == [
        {"number": 0, "t": {}},
        {"number": 1, "t": {}},
    ]


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("toDateTime(0, 'Fixed/UTC+05:30:00')", "+05:30"),
        ("toDateTime64(0, 3, 'Fixed/UTC-03:00:00')", "-03:00"),
        ("[toDateTime64(0, 3, 'Fixed/UTC-03:00:00')][1]", "-03:00"),
    ],
)
def test_a_fixed_zone_has_the_name_that_arrow_knows(ask: Ask, expression: str, zone: str) -> None:
    table = ask(f"SELECT {expression} AS v")
    assert table.schema.field("v").type.tz == zone
    assert table.column("v").to_pylist() == [moment(0)]


def test_an_offset_with_seconds_is_told_in_utc() -> None:
    assert zone_for_arrow("Fixed/UTC-05:30:15") == "UTC"


def test_a_zone_within_a_variant_is_kept(ask: Ask) -> None:
    table = ask("SELECT toDateTime(0, 'Asia/Tokyo')::Variant(DateTime('Asia/Tokyo'), String) AS v")
    assert table.schema.field("v").type.field(0).type.tz == "Asia/Tokyo"
    assert table.column("v").to_pylist() == [moment(0)]


def test_only_what_may_lack_a_value_is_nullable(ask: Ask) -> None:
    schema = ask("SELECT CAST('{\"a\":1}', 'JSON') AS j, j.a AS a, [j.a] AS l").schema
    assert [field.nullable for field in schema] == [False, True, False]
    assert schema.field("l").type.value_field.nullable


def test_statements_that_cannot_be_described_have_their_types(ask: Ask) -> None:
    shown = ask("SHOW FUNCTIONS LIKE 'quantileTDigest'")
    assert shown.column("origin").to_pylist() == ["System"]
    processes = ask("SHOW PROCESSLIST")
    assert processes.schema.field("address").type == pa.string()


def test_integers_of_256_bits_are_points_of_a_series(ask: Ask) -> None:
    rows = (
        "SELECT toDateTime(number * 60, 'UTC') AS time, toUInt256(number) AS v, number AS w, "
        f"toInt256('{INT256_MIN}') AS x, [toUInt256(1)] AS factor FROM numbers(3) ORDER BY time"
    )
    table = ask({"rawSql": rows, "format": "time_series"})
    assert [field.type for field in table.schema][1:] == [pa.float64(), pa.uint64(), pa.float64()]
    assert table.column(1).to_pylist() == [0.0, 1.0, 2.0]
    assert table.column(3).to_pylist() == [float(INT256_MIN)] * 3


def test_counts_of_days_and_months_are_points_of_a_series(ask: Ask) -> None:
    rows = (
        "SELECT toDateTime(number, 'UTC') AS time, toIntervalDay(number) AS v FROM numbers(3) ORDER BY time"
    )
    assert ask({"rawSql": rows, "format": "time_series"}).column("v").to_pylist() == [0, 1, 2]


NULLABLE = [
    "DateTime",
    "IPv4",
    "IPv6",
    "Int128",
    "UInt256",
    "FixedString(3)",
    "Enum8('a' = 1)",
    "BFloat16",
    "String",
    "UUID",
]


@pytest.mark.parametrize("name", NULLABLE)
def test_null_stays_null(ask: Ask, name: str) -> None:
    quoted = name.replace("'", "\\'")
    table = ask(
        f"SELECT CAST(NULL, 'Nullable({quoted})') AS v UNION ALL SELECT CAST(NULL, 'Nullable({quoted})')"
    )
    assert table.column("v").to_pylist() == [None, None]
    assert table.schema.field("v").nullable


def test_a_column_that_cannot_be_null_says_so(ask: Ask) -> None:
    schema = ask("SELECT now() AS a, toNullable(now()) AS b").schema
    assert (schema.field("a").nullable, schema.field("b").nullable) == (False, True)


def test_a_million_rows_of_several_batches_are_mended_alike(ask: Ask) -> None:
    table = ask(
        "SELECT toDateTime(number) AS t, toIPv4(number) AS ip, if(number % 2, NULL, toDateTime(number)) AS n "
        "FROM numbers(1000000)"
    )
    assert table.num_rows == 1_000_000
    assert table.column("ip")[999_999].as_py() == "0.15.66.63"
    assert table.column("n").null_count == 500_000
    assert table.column("t").cast(pa.int64()).to_pylist() == list(range(1_000_000))


def test_a_result_without_rows_has_its_types(ask: Ask) -> None:
    table = ask("SELECT now() AS t, toIPv4('1.1.1.1') AS ip, toInt128(1) AS i WHERE 0")
    assert table.num_rows == 0
    assert [str(field.type) for field in table.schema] == [
        "timestamp[s, tz=Etc/UTC]",
        "string",
        "decimal256(39, 0)",
    ]


def test_an_aggregation_state_is_refused_with_advice(ask: Ask) -> None:
    with pytest.raises(QueryError, match=r"finalizeAggregation"):
        ask("SELECT sumState(number) AS s FROM numbers(3)")


def test_a_type_that_the_server_writes_wrongly_is_told_with_advice(ask: Ask) -> None:
    value = f"CAST(toUUID('{IDENTITY}'), 'LowCardinality(UUID)')"
    with pytest.raises(QueryError, match=r"Select such columns with CAST\(column, 'UUID'\)"):
        ask(f"SELECT {value} AS v")
    assert ask(f"SELECT CAST({value}, 'UUID') AS v")["v"][0].as_py() == IDENTITY
    setting = "output_format_arrow_low_cardinality_as_dictionary = 0"
    assert ask(f"SELECT {value} AS v SETTINGS {setting}")["v"][0].as_py() == IDENTITY


def test_bytes_that_begin_as_text_are_an_error_that_says_what_to_do(ask: Ask) -> None:
    sql = "SELECT if(number = 300000, unhex('ff'), 'x') AS s FROM numbers(400000)"
    with pytest.raises(QueryError, match=r'"binaryColumns"'):
        ask(sql)
    table = ask({"rawSql": sql, "binaryColumns": ["s"]})
    assert table.column("s").type == pa.binary()
    assert table.column("s")[300_000].as_py() == b"\xff"


def test_the_clients_time_zone_counts_for_columns_without_one(ask: Ask) -> None:
    query = {
        "rawSql": "SELECT toDateTime(1) AS a, toDateTime(1, 'Asia/Tokyo') AS b",
        "meta": {"timezone": "Europe/Madrid"},
    }
    schema = ask(query).schema
    assert [field.type.tz for field in schema] == ["Europe/Madrid", "Asia/Tokyo"]


@pytest.mark.parametrize(
    "column", [r"1 AS `\xff`", r"now() AS `\xff`", r"(now(), 2)::Tuple(`\xff` DateTime, b Int8) AS t"]
)
def test_a_name_that_is_no_text_is_told(ask: Ask, column: str) -> None:
    with pytest.raises(QueryError, match="name in the result is not UTF-8"):
        ask(f"SELECT {column}")


def test_line_separators_are_part_of_a_name(ask: Ask) -> None:
    assert ask("SELECT now() AS `a\u2028b\x85c`").column_names == ["a\u2028b\x85c"]


def test_columns_of_one_name_keep_their_own_types(ask: Ask) -> None:
    table = ask("SELECT a, a FROM (SELECT now() AS a)")
    assert [str(field.type) for field in table.schema] == ["timestamp[s, tz=Etc/UTC]"] * 2
