"""SQL over the answers to other queries."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater import CallContext, QueryLimits
from headwater.errors import HeadwaterError, QueryCanceledError, QueryError
from headwater.frames import Field, FieldConfig, Frame, FrameMeta, FrameType

from .conftest import Request, number, series

SALES = Frame.from_pydict({"city": ["Bern", "Basel", "Bern"], "amount": [1, 2, 3]})
ZONED = pa.timestamp("us", "Europe/Zurich")


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_table_is_selected_from_by_its_ref_id() -> None:
    frame = Request(A=SALES).sql("SELECT city, sum(amount) AS total FROM A GROUP BY city ORDER BY city")
    assert frame.to_pylist() == [{"city": "Basel", "total": 2}, {"city": "Bern", "total": 4}]
    assert frame.ref_id == "Q"


def test_tables_are_joined() -> None:
    people = Frame.from_pydict({"city": ["Bern", "Basel"], "people": [134_794, 173_863]})
    frame = Request(A=SALES, B=people).sql("SELECT DISTINCT B.* FROM A JOIN B USING (city) ORDER BY people")
    assert frame.table.column("people").to_pylist() == [134_794, 173_863]


def test_ref_ids_are_found_whatever_their_case() -> None:
    assert Request(A=SALES).sql("SELECT a.amount FROM a LIMIT 1").num_rows == 1
    assert Request(A=SALES, a=Frame.from_pydict({"x": [1]})).sql("SELECT * FROM a").schema.names == ["x"]


def test_values_are_bound_by_name() -> None:
    hostile = "Bern' OR '1'='1"
    expression = (
        "SELECT $city AS city, count(*) AS n FROM A WHERE city = $city OR city IN (SELECT unnest($cities))"
    )
    params = {"city": hostile, "cities": ["Basel", "$city"]}
    (frame,) = Request(A=SALES).frames(type="sql", expression=expression, params=params)
    assert frame.to_pylist() == [{"city": hostile, "n": 1}]


def test_names_with_spaces_stand_in_quotes() -> None:
    assert Request(**{"my sales": SALES}).sql('SELECT count(*) AS n FROM "my sales"').to_pylist() == [
        {"n": 3}
    ]


def test_a_with_clause_hides_a_ref_id_behind_it() -> None:
    request = Request(A=SALES)
    assert request.sql(
        "WITH A AS (SELECT * FROM A WHERE amount > 1) SELECT count(*) n FROM A"
    ).to_pylist() == [{"n": 2}]
    counted = request.sql(
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT max(n) n FROM t"
    )
    assert counted.to_pylist() == [{"n": 5}]


def test_series_become_rows_with_their_labels() -> None:
    request = Request(
        A=[
            series({0: 1, 10: 2}, {"host": "a"}, name="cpu"),
            series({5: 9, 15: 10}, name="cpu"),
            series({10: 3, 30: 4}, {"host": "b", "env": "prod"}, name="mem"),
        ]
    )
    assert request.sql("SELECT * FROM A").to_pylist() == [
        {"time": moment(at), "__value__": value, "__metric_name__": name, "env": env, "host": host}
        for at, value, name, env, host in [
            (0, 1.0, "cpu", None, "a"),
            (5, 9.0, "cpu", None, None),
            (10, 2.0, "cpu", None, "a"),
            (10, 3.0, "mem", "prod", "b"),
            (15, 10.0, "cpu", None, None),
            (30, 4.0, "mem", "prod", "b"),
        ]
    ]


def test_numbers_become_rows() -> None:
    frame = Request(A=[number(1, {"host": "a"}), number(None, {"host": "b"})]).sql("SELECT * FROM A")
    assert frame.to_pylist() == [
        {"__value__": 1.0, "__metric_name__": "value", "host": "a"},
        {"__value__": None, "__metric_name__": "value", "host": "b"},
    ]


@pytest.mark.parametrize("label", ["time", "__value__", "__metric_name__", "Time"])
def test_a_label_never_takes_the_place_of_data(label: str) -> None:
    frame = Request(A=series({1: 5}, {label: "x", "host": "a"})).sql("SELECT * FROM A")
    assert frame.to_pylist() == [
        {"time": moment(1), "__value__": 5.0, "__metric_name__": "value", f"{label}_1": "x", "host": "a"}
    ]


def test_labels_that_differ_in_case_are_two_columns() -> None:
    request = Request(A=[series({1: 5}, {"host": "a"}), series({1: 6}, {"Host": "b"})])
    found = request.sql("SELECT __value__ v, Host, host_1 FROM A ORDER BY v").to_pylist()
    assert found == [{"v": 5, "Host": None, "host_1": "a"}, {"v": 6, "Host": "b", "host_1": None}]


def labelled(times: pa.Array, values: pa.Array, host: str = "a") -> Frame:
    return Frame.from_fields(
        [Field("time", times), Field("value", values, {"host": host})],
        meta=FrameMeta(type=FrameType.TIME_SERIES_MULTI, type_version=(0, 1)),
    )


SECOND = pa.array([1000], pa.timestamp("ms", "UTC"))


def test_series_keep_their_times_as_far_as_the_engine_can() -> None:
    fine = labelled(pa.array([1_001_999], pa.timestamp("ns", "UTC")), pa.array([1]))
    assert Request(A=fine).sql("SELECT epoch_us(time) AS t FROM A").to_pylist() == [{"t": 1001}]
    far = labelled(pa.array([10**14], pa.timestamp("s", "UTC")), pa.array([1]))
    with pytest.raises(QueryError, match=r"\[A\] cannot be read by SQL"):
        Request(A=far).sql("SELECT * FROM A")


def test_series_of_true_and_false_have_times() -> None:
    frame = Request(A=labelled(SECOND, pa.array([True]))).sql("SELECT time, __value__ v FROM A")
    assert frame.to_pylist() == [{"time": moment(1), "v": True}]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([pa.array([1], pa.int32()), pa.array([2**62 + 1])], [1, 2**62 + 1]),
        ([pa.array([2**64 - 1], pa.uint64()), pa.array([-1])], [2.0**64, -1.0]),
        ([pa.array([Decimal("0.1")]), pa.array([Decimal("10.25")])], [Decimal("0.1"), Decimal("10.25")]),
        ([pa.array([Decimal("0.1")]), pa.array([2])], [0.1, 2.0]),
        ([pa.array([True]), pa.array([2.5])], [1.0, 2.5]),
        ([pa.array([Decimal("1.10")], pa.decimal256(50, 2))], [Decimal("1.10")]),
        ([pa.array([np.float16(1.5)])], [1.5]),
    ],
)
def test_values_of_several_series_share_a_type_that_holds_all(values: list[pa.Array], found: Any) -> None:
    frames = [labelled(SECOND, each, str(index)) for index, each in enumerate(values)]
    rows = Request(A=frames).sql("SELECT __value__ AS v FROM A ORDER BY host").to_pylist()
    assert [row["v"] for row in rows] == found


def test_a_wide_series_becomes_rows_and_keeps_display_names() -> None:
    wide = Frame.from_fields(
        [
            Field("time", pa.array([1000], pa.timestamp("ms"))),
            Field("a", pa.array([1], pa.int32()), {"host": "x"}, FieldConfig(display_name_from_ds="A!")),
            Field("b", pa.array([2], pa.int32()), {"host": "y"}),
        ],
        meta=FrameMeta(type=FrameType.TIME_SERIES_WIDE, type_version=(0, 1)),
    )
    frame = Request(A=wide).sql("SELECT __metric_name__ m, __display_name__ d, host, __value__ v FROM A")
    assert frame.to_pylist() == [
        {"m": "a", "d": "A!", "host": "x", "v": 1},
        {"m": "b", "d": None, "host": "y", "v": 2},
    ]
    assert frame.schema.field("v").type == pa.int32()


def test_a_long_frame_is_taken_as_it_is() -> None:
    long = Frame.from_pydict(
        {"time": pa.array([1000], pa.timestamp("ms")), "host": ["a"], "value": [1]},
        meta=FrameMeta(type=FrameType.TIME_SERIES_LONG, type_version=(0, 1)),
    )
    assert Request(A=long).sql("SELECT * FROM A").schema.names == ["time", "host", "value"]


def test_series_without_points_are_an_empty_table() -> None:
    nothing = Frame(pa.table({}), meta=FrameMeta(type=FrameType.TIME_SERIES_MULTI, type_version=(0, 1)))
    frame = Request(A=nothing).sql("SELECT time, max(__value__) AS v FROM A GROUP BY time")
    assert (frame.num_rows, frame.schema.names) == (0, ["time", "v"])


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert Request(A=SALES.slice(0, 0)).sql("SELECT city FROM A").num_rows == 0


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.decimal128(20, 4), Decimal("1234567890.1234")),
        (pa.decimal256(30, 2), Decimal("1.25")),
        (pa.timestamp("us", "UTC"), moment(1)),
        (ZONED, moment(1)),
        (pa.timestamp("ns"), datetime(2026, 1, 1)),  # noqa: DTZ001 a column without a zone
        (pa.date32(), date(2026, 1, 1)),
        (pa.list_(pa.int64()), [1, 2]),
        (pa.struct([("a", pa.int64()), ("b", pa.string())]), {"a": 1, "b": "x"}),
        (pa.map_(pa.string(), pa.int64()), [("a", 1)]),
        (pa.binary(), b"\x00\xff"),
        (pa.bool_(), True),
        (pa.uint64(), 2**64 - 1),
        (pa.float16(), np.float16(1.5)),
        (pa.dictionary(pa.int32(), pa.string()), "x"),
    ],
    ids=str,
)
def test_values_survive(type_: pa.DataType, value: Any) -> None:
    frame = Frame.from_pydict({"x": pa.array([value, None], type_)})
    assert Request(A=frame).sql("SELECT x FROM A").table.column("x").to_pylist() == [value, None]


def test_explain_shows_the_plan() -> None:
    query = {"type": "sql", "expression": "EXPLAIN SELECT city FROM A WHERE amount > $n", "params": {"n": 1}}
    (frame,) = Request(A=SALES).frames(**query)
    ((plan,),) = [row.values() for row in frame.to_pylist()]
    assert "city" in plan


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT nope FROM A", 'Referenced column "nope" not found'),
        ("SELECT * FROM", r"syntax error .* \(line 1, column 10\)"),
        ("SELECT *\nFROM A WHERE", r"\(line 2, column"),
        ("EXPLAIN\nANALYZE SELEC 1", r"\(line 2, column 9\)"),
        ("SELECT 1; SELECT 2", "Give one SELECT statement"),
        (f"SELECT {'1 + ' * 400} 1", "nested too deeply"),
        (f"SELECT {'1 + ' * 4000} 1", "Max expression depth limit"),
        ("", "is empty"),
        ("SELECT * FROM NOPE", "unable to find dependent node 'NOPE'"),
        ("SELECT * FROM Q", "cannot reference itself"),
        ("SELECT city + 1 FROM A", "Could not convert|No function matches"),
        ("SELECT * FROM A JOIN A b ON A.city = b.amount", "Could not convert"),
        ("SELECT city::INTEGER FROM A", "Could not convert string 'Bern'"),
        ("SELECT amount FROM A, A AS b", "[Aa]mbiguous"),
    ],
)
def test_wrong_statements(statement: str, message: str) -> None:
    with pytest.raises(QueryError, match=message) as raised:
        Request(A=SALES).sql(statement)
    assert "input_0" not in str(raised.value)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], r"\[A\] has no data and no columns"),
        (
            Frame(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "X"])),
            r"\[A\] has several columns named 'x'",
        ),
        ([SALES, SALES], r"has several tables|__metric_name__"),
        (
            Frame.from_pydict({"u": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}),
            "column 'u' is a sparse_union",
        ),
        (
            Frame.from_pydict({"d": pa.array([Decimal(10) ** 60], pa.decimal256(76, 2))}),
            r"\[A\] cannot be read by SQL",
        ),
    ],
)
def test_inputs_that_sql_cannot_take(frames: Any, message: str) -> None:
    with pytest.raises(HeadwaterError, match=message):
        Request(A=frames).sql("SELECT city FROM A")


ESCAPES = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{file}'",
    'SELECT * FROM "{file}"',
    "SELECT * FROM 'https://example.org/x.csv'",
    "SELECT (SELECT max(content) FROM read_text('{file}'))",
    "WITH x AS (SELECT * FROM read_text('{file}')) SELECT * FROM x",
    "SELECT * FROM A WHERE city IN (SELECT content FROM read_text('{file}'))",
    "SELECT * FROM A, LATERAL (SELECT * FROM read_text('{file}'))",
    "SELECT * FROM A UNION ALL SELECT filename, size FROM read_text('{file}')",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT * FROM query_table('A')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT * FROM sql_auto_complete('SEL')",
    "SELECT * FROM A AT (VERSION => 1)",
    "SELECT current_setting('memory_limit')",
    "SELECT main.current_setting('memory_limit')",
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT * FROM A ORDER BY current_setting('threads')",
    "FROM (SHOW TABLES)",
    "FROM (DESCRIBE A)",
    "SUMMARIZE A",
    "SHOW TABLES",
    "SET threads = 8",
    "RESET memory_limit",
    "PRAGMA version",
    "CALL pragma_version()",
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH '{folder}/new.db'",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY A FROM '{file}'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "CREATE SECRET s (TYPE S3)",
    "INSERT INTO A VALUES ('x', 1)",
    "DELETE FROM A",
    "DROP VIEW input_0",
    "VACUUM",
    "CHECKPOINT",
    "USE memory",
    "PREPARE x AS SELECT 1",
    "EXPLAIN SELECT * FROM read_text('{file}')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/out.csv'",
    "/* SELECT */ INSTALL httpfs -- SELECT",
    "SELECT * FROM input_0",
]


@pytest.mark.parametrize("statement", ESCAPES)
def test_nothing_but_the_tables_is_in_reach(statement: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\ntopsecret\n")
    text = statement.replace("{file}", str(secret)).replace("{folder}", str(tmp_path))
    with pytest.raises(QueryError) as raised:
        Request(A=SALES).sql(text)
    assert "topsecret" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_variables_of_the_host_are_no_tables() -> None:
    """DuckDB's Python package would find data frames of whoever calls it."""
    local = pa.table({"secret": [1]})
    with pytest.raises(QueryError, match="unable to find dependent node 'local'"):
        Request(A=SALES).sql("SELECT * FROM local")
    assert local.num_rows == 1


def test_pure_table_functions_may_be_used() -> None:
    request = Request(A=Frame.from_pydict({"l": [[1, 2], [3]]}))
    assert request.sql("SELECT sum(range) AS s FROM range(5)").to_pylist() == [{"s": 10}]
    assert request.sql("SELECT sum(x) AS s FROM (SELECT unnest(l) AS x FROM A)").to_pylist() == [{"s": 6}]
    assert request.sql("VALUES (1, 'a')").num_rows == 1


def test_rows_are_limited_with_a_notice() -> None:
    context = CallContext(limits=QueryLimits(max_rows=10))
    (frame,) = Request().answer(context, Q={"type": "sql", "expression": "FROM range(1000)"})["Q"].frames
    assert frame.num_rows == 10
    assert frame.truncated


def test_memory_is_limited() -> None:
    text = "SELECT list(repeat(range::VARCHAR, 1000)) AS x FROM range(2000000)"
    error = Request().answer(Q={"type": "sql", "expression": text})["Q"].error
    assert error is not None
    assert error.message_id == "query.limitExceeded"


@pytest.mark.parametrize("explain", ["", "EXPLAIN ANALYZE "])
def test_a_cancelled_call_interrupts_the_engine(explain: str) -> None:
    context = CallContext()
    threading.Timer(0.3, context.cancel).start()
    begun = time.monotonic()
    endless = "SELECT count(*) AS n FROM range(10000000) a, range(10000000) b"
    query = {"type": "sql", "expression": f"{explain}{endless}"}
    error = Request().answer(context, Q=query)["Q"].error
    assert isinstance(error, QueryCanceledError)
    assert timedelta(seconds=time.monotonic() - begun) < timedelta(seconds=60)
