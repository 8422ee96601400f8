"""Both row decoders against the same rows: written by an encoder of our own, expected as Python values."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from headwater_mysql.decode.choice import NATIVE, NUMPY, DecoderFactory, choose_decoder
from headwater_mysql.decode.rows import Framing
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnFlag, ColumnType as T
from headwater_mysql.protocol.packets import MalformedPacketError, ServerError
from headwater_mysql.protocol.results import (
    LocalInfileRefusedError,
    ResultColumns,
    ResultEnd,
    ResultReader,
    ResultRows,
)
from servers.mysql_wire import OK, ZERO_DATE, ZeroDate, err, result_set, wire

moment = dt.datetime.fromisoformat

UNSIGNED = int(ColumnFlag.UNSIGNED)
TEXT, BYTES = 45, 63


def read(
    decoder: DecoderFactory, data: bytes, framing: Framing, *, chunk: int = 1 << 20, utc: bool = True
) -> tuple[pa.Table | None, list[ResultRows]]:
    """Feed `data` in chunks and read everything, as a connection would."""
    reader = ResultReader(framing, decoder, utc=utc)
    rows: list[ResultRows] = []
    schema = None
    at = 0
    while not reader.done:
        match step := reader.next_step():
            case None:
                assert at < len(data), "the reader wants more than there is"
                space = reader.space()
                piece = data[at : at + min(chunk, len(space))]
                space[: len(piece)] = piece
                reader.received(len(piece))
                at += len(piece)
            case ResultColumns():
                schema = step.plan.schema
            case ResultRows():
                step.batch.validate(full=True)
                rows.append(step)
            case ResultEnd():
                pass
    return (None if schema is None else pa.Table.from_batches([row.batch for row in rows], schema)), rows


def decimal_length(precision: int, scale: int) -> int:
    return precision + 1 + (scale > 0)


ALL_TYPES: dict[str, tuple[Column, Sequence[Any], pa.DataType]] = {
    "tinyint": (Column("c", T.TINY), [-128, 127, 0], pa.int8()),
    "tinyint unsigned": (Column("c", T.TINY, UNSIGNED), [0, 255], pa.uint8()),
    "smallint": (Column("c", T.SHORT), [-32768, 32767], pa.int16()),
    "smallint unsigned": (Column("c", T.SHORT, UNSIGNED), [0, 65535], pa.uint16()),
    "mediumint": (Column("c", T.INT24), [-8388608, 8388607], pa.int32()),
    "mediumint unsigned": (Column("c", T.INT24, UNSIGNED), [0, 16777215], pa.uint32()),
    "int": (Column("c", T.LONG), [-(2**31), 2**31 - 1], pa.int32()),
    "int unsigned": (Column("c", T.LONG, UNSIGNED), [0, 2**32 - 1], pa.uint32()),
    "bigint": (Column("c", T.LONGLONG), [-(2**63), 2**63 - 1], pa.int64()),
    "bigint unsigned": (Column("c", T.LONGLONG, UNSIGNED), [0, 2**64 - 1], pa.uint64()),
    "year": (Column("c", T.YEAR, UNSIGNED), [0, 1901, 2155], pa.uint16()),
    "bit(1)": (Column("c", T.BIT, UNSIGNED, BYTES, 1), [0, 1], pa.uint64()),
    "bit(20)": (Column("c", T.BIT, UNSIGNED, BYTES, 20), [0, 2**20 - 1], pa.uint64()),
    "bit(64)": (Column("c", T.BIT, UNSIGNED, BYTES, 64), [1, 2**64 - 1], pa.uint64()),
    "float": (Column("c", T.FLOAT), [0.0, -1.5, 3.4028234663852886e38], pa.float32()),
    "double": (Column("c", T.DOUBLE), [0.0, -1.7976931348623157e308, 5e-324, 0.1], pa.float64()),
    "decimal(5,2)": (
        Column("c", T.NEWDECIMAL, length=decimal_length(5, 2), decimals=2),
        [Decimal("-999.99"), Decimal("0.01"), Decimal("-0.00")],
        pa.decimal128(5, 2),
    ),
    "decimal(38,0)": (
        Column("c", T.NEWDECIMAL, length=decimal_length(38, 0)),
        [Decimal("9" * 38), Decimal("-" + "9" * 38), Decimal(10**18), Decimal(-(2**64))],
        pa.decimal128(38, 0),
    ),
    "decimal(65,30)": (
        Column("c", T.NEWDECIMAL, length=decimal_length(65, 30), decimals=30),
        [Decimal("9" * 35 + "." + "9" * 30), Decimal("-" + "0." + "0" * 29 + "1"), Decimal(-(2**96))],
        pa.decimal256(65, 30),
    ),
    "decimal unsigned": (
        Column("c", T.NEWDECIMAL, UNSIGNED, length=7, decimals=3),
        [Decimal("999.999")],
        pa.decimal128(6, 3),
    ),
    "date": (
        Column("c", T.DATE),
        [dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2024, 2, 29), dt.date(9999, 12, 31)],
        pa.date32(),
    ),
    "datetime": (
        Column("c", T.DATETIME),
        [
            moment("1000-01-01T00:00:00"),
            moment("9999-12-31T23:59:59.999999"),
            moment("2000-01-01T00:00:01"),
        ],
        pa.timestamp("us"),
    ),
    "timestamp": (
        Column("c", T.TIMESTAMP),
        [
            dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
            dt.datetime(2038, 1, 19, 3, 14, 7, 5, tzinfo=dt.UTC),
        ],
        pa.timestamp("us", "UTC"),
    ),
    "time": (
        Column("c", T.TIME),
        [
            dt.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999),
            -dt.timedelta(hours=838, minutes=59, seconds=59),
            dt.timedelta(0),
            -dt.timedelta(microseconds=1),
        ],
        pa.duration("us"),
    ),
    "varchar": (
        Column("c", T.VAR_STRING, charset=TEXT),
        ["", "a", "żółw 🐢", "x" * 250, "y" * 251],
        pa.utf8(),
    ),
    "text": (Column("c", T.BLOB, charset=TEXT), ["z" * 65_535, "z" * 65_536], pa.utf8()),
    "json": (Column("c", T.JSON, charset=BYTES), ['{"a": [1, "ü"]}'], pa.utf8()),
    "enum": (Column("c", T.STRING, int(ColumnFlag.ENUM), TEXT), ["small", "large"], pa.utf8()),
    "set": (Column("c", T.STRING, int(ColumnFlag.SET), TEXT), ["", "a,b"], pa.utf8()),
    "varbinary": (Column("c", T.VAR_STRING, charset=BYTES), [b"", b"\x00\xff", b"\xfb" * 300], pa.binary()),
    "geometry": (
        Column("c", T.GEOMETRY, charset=BYTES),
        [b"\x00\x00\x00\x00\x01\x01" + bytes(19)],
        pa.binary(),
    ),
    "vector": (Column("c", T.VECTOR, charset=BYTES), [struct.pack("<3f", 1, 2, 3)], pa.binary()),
    "unknown type": (Column("c", 200, charset=TEXT), ["kept as text"], pa.utf8()),
}


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
@pytest.mark.parametrize("type_name", ALL_TYPES)
def test_every_type_keeps_its_extreme_values_and_nulls(
    decoder: DecoderFactory, type_name: str, binary: bool
) -> None:
    column, values, expected_type = ALL_TYPES[type_name]
    rows = [[None], *([value] for value in values), [None]]
    table, _ = read(decoder, result_set([column], rows, binary=binary), Framing(binary))
    assert table is not None
    assert table.schema == pa.schema([pa.field("c", expected_type)])
    assert table.column(0).to_pylist() == [None, *values, None]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_a_bare_null_is_a_null_column(decoder: DecoderFactory, binary: bool) -> None:
    table, _ = read(
        decoder, result_set([Column("c", T.NULL)], [[None], [None]], binary=binary), Framing(binary)
    )
    assert table is not None
    assert table.column(0).type == pa.null()
    assert table.num_rows == 2


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_zero_partial_and_impossible_dates_become_null_and_are_counted(
    decoder: DecoderFactory, binary: bool
) -> None:
    columns = [Column("d", T.DATE), Column("t", T.DATETIME)]
    partial = [b"2024-00-10", b"2024-02-31 10:00:00"]
    if binary:
        partial = [
            b"\x04" + struct.pack("<HBB", 2024, 0, 10),
            b"\x07" + struct.pack("<HBBBBB", 2024, 2, 31, 10, 0, 0),
        ]
        odd = b"\x00\x00" + partial[0] + partial[1]
    else:
        odd = b"".join(bytes((len(value),)) + value for value in partial)
    good = [dt.date(2024, 1, 1), moment("2024-01-01T00:00:00")]
    whole = result_set(columns, [[ZERO_DATE, ZERO_DATE], good], binary=binary)
    # The odd row goes in front of the end packet, which it pushes back by one.
    end = whole[-9:]
    data = whole[:-9] + wire([odd, end[4:]], sequence=end[3])
    table, rows = read(decoder, data, Framing(binary))
    assert table is not None
    assert table.to_pylist() == [{"d": None, "t": None}, {"d": good[0], "t": good[1]}, {"d": None, "t": None}]
    assert rows[-1].zero_dates == 4


def test_timestamps_have_no_zone_when_the_session_has_its_own(decoder: DecoderFactory) -> None:
    at = moment("2024-05-06T07:08:09")
    data = result_set([Column("c", T.TIMESTAMP)], [[at]], binary=True)
    table, _ = read(decoder, data, Framing(True), utc=False)
    assert table is not None
    assert table.column(0).type == pa.timestamp("us")
    assert table.column(0).to_pylist() == [at]


def test_duplicate_column_names_are_kept(decoder: DecoderFactory) -> None:
    columns = [Column("a", T.LONG), Column("a", T.LONG)]
    table, _ = read(decoder, result_set(columns, [[1, 2]], binary=True), Framing(True))
    assert table is not None
    assert table.column_names == ["a", "a"]
    assert [table.column(0).to_pylist(), table.column(1).to_pylist()] == [[1], [2]]


@pytest.mark.parametrize("deprecate_eof", [False, True])
def test_no_rows_still_have_columns(decoder: DecoderFactory, deprecate_eof: bool) -> None:
    data = result_set([Column("a", T.LONG)], [], binary=True, deprecate_eof=deprecate_eof)
    table, rows = read(decoder, data, Framing(True, deprecate_eof))
    assert table is not None
    assert (table.num_rows, table.column_names, rows) == (0, ["a"], [])


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
@pytest.mark.parametrize("size", [0xFFFFFF - 20, 0xFFFFFF, 0x1FFFFFE, 0x1FFFFFE + 100])
def test_rows_larger_than_a_frame_are_joined(decoder: DecoderFactory, binary: bool, size: int) -> None:
    columns = [Column("a", T.LONG), Column("b", T.LONG_BLOB, charset=BYTES), Column("c", T.LONG)]
    small = [[n, b"small", n] for n in range(3)]
    # So that for some sizes the row fills its last frame exactly and an empty frame follows.
    overhead = 1 + 1 + 4 + 4 + 4 if binary else 2 + 4 + 2
    big = [7, b"\xab" * (size - overhead), 8]
    data = result_set(columns, [*small, big, *small], binary=binary, deprecate_eof=True)
    table, _ = read(decoder, data, Framing(binary, deprecate_eof=True), chunk=3 << 20)
    assert table is not None
    assert table.column("a").to_pylist() == [0, 1, 2, 7, 0, 1, 2]
    assert [len(value.as_py()) for value in table.column("b")] == [5, 5, 5, len(big[1]), 5, 5, 5]  # type: ignore[arg-type]


def test_batches_are_cut_by_rows(decoder: DecoderFactory) -> None:
    data = result_set([Column("a", T.LONG)], [[n] for n in range(250)], binary=True)
    table, rows = read(decoder, data, Framing(True, batch_rows=100))
    assert [row.batch.num_rows for row in rows] == [100, 100, 50]
    assert table is not None
    assert table.column(0).to_pylist() == list(range(250))


def test_batches_are_cut_by_bytes(decoder: DecoderFactory) -> None:
    column = Column("a", T.VAR_STRING, charset=TEXT)
    data = result_set([column], [["x" * 1000] for _ in range(50)], binary=True)
    _, rows = read(decoder, data, Framing(True, batch_bytes=10_000))
    assert [row.batch.num_rows for row in rows] == [10, 10, 10, 10, 10]


def test_a_statement_without_rows_ends_at_once(decoder: DecoderFactory) -> None:
    table, rows = read(decoder, wire([OK]), Framing(True))
    assert (table, rows) == (None, [])


def test_several_result_sets_follow_each_other(decoder: DecoderFactory) -> None:
    column = Column("a", T.LONG)
    first = result_set([column], [[1]], binary=True, more_results=True)
    second = result_set([column], [[2]], binary=True, more_results=True, sequence=first[-6] + 1)
    data = first + second + wire([OK], sequence=second[-6] + 1)
    _, rows = read(decoder, data, Framing(True))
    assert [row.batch.to_pylist() for row in rows] == [[{"a": 1}], [{"a": 2}]]


def test_an_error_in_mid_stream_keeps_the_rows_before_it(decoder: DecoderFactory) -> None:
    rows = [[n] for n in range(3)]
    data = result_set([Column("a", T.LONG)], rows, binary=True)
    end = data[-9:]
    failing = data[:-9] + wire([err(1317, "interrupted", "70100")], sequence=end[3])
    reader = ResultReader(Framing(True), decoder, received=failing)
    assert isinstance(reader.next_step(), ResultColumns)
    step = reader.next_step()
    assert isinstance(step, ResultRows)
    assert step.batch.num_rows == 3
    with pytest.raises(ServerError, match="interrupted") as caught:
        reader.next_step()
    assert (caught.value.code, caught.value.state) == (1317, "70100")


@pytest.mark.parametrize("scale", [77, 255])
def test_a_decimal_of_a_scale_that_there_is_not_is_refused(decoder: DecoderFactory, scale: int) -> None:
    column = Column("c", T.NEWDECIMAL, length=300, decimals=scale)
    data = result_set([column], [["1"]], binary=False)
    with pytest.raises(MalformedPacketError, match="impossible scale"):
        read(decoder, data, Framing(binary=False))


def test_a_request_for_a_local_file_is_refused(decoder: DecoderFactory) -> None:
    reader = ResultReader(Framing(False), decoder, received=wire([b"\xfb/etc/passwd"]))
    with pytest.raises(LocalInfileRefusedError):
        reader.next_step()


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("c", T.VAR_STRING, charset=TEXT), b"\xff\xfe"),
        (Column("c", T.VAR_STRING, charset=TEXT), b"\xed\xa0\x80"),  # a surrogate
        (Column("c", T.VAR_STRING, charset=TEXT), b"\xc0\x80"),  # overlong
        (Column("c", T.NEWDECIMAL, length=7, decimals=2), b"1.2.3"),
        (Column("c", T.NEWDECIMAL, length=7, decimals=2), b"123456.00"),
        (Column("c", T.NEWDECIMAL, length=7, decimals=2), b"1.234"),
        (Column("c", T.NEWDECIMAL, length=7, decimals=2), b""),
        (Column("c", T.BIT, charset=BYTES), b"123456789"),
    ],
)
def test_values_that_do_not_fit_their_column_are_refused(
    decoder: DecoderFactory, column: Column, value: bytes, binary: bool
) -> None:
    with pytest.raises(MalformedPacketError):
        read(decoder, result_set([column], [[value]], binary=binary), Framing(binary))


def test_frames_out_of_order_are_refused(decoder: DecoderFactory) -> None:
    data = bytearray(result_set([Column("a", T.LONG)], [[1], [2], [3]], binary=True))
    row_length = 4 + 1 + 1 + 4
    data[-9 - row_length + 3] ^= 1
    with pytest.raises(MalformedPacketError, match="out of order"):
        read(decoder, bytes(data), Framing(True))


def test_a_row_beyond_the_allowed_size_is_refused(decoder: DecoderFactory) -> None:
    column = Column("a", T.LONG_BLOB, charset=BYTES)
    data = result_set([column], [[bytes(0x1FFFFFF)]], binary=True)
    with pytest.raises(MalformedPacketError, match="larger than allowed"):
        read(decoder, data, Framing(True, max_row_bytes=20 << 20))


# --- random tables ---------------------------------------------------------------------------------------


@attrs.frozen
class Case:
    columns: list[Column]
    rows: list[list[Any]]


def _decimals() -> st.SearchStrategy[tuple[Column, st.SearchStrategy[Any]]]:
    def column(precision: int, scale: int) -> tuple[Column, st.SearchStrategy[Any]]:
        limit = 10**precision - 1
        values = st.integers(-limit, limit).map(lambda digits: Decimal(f"{digits}E-{scale}"))
        definition = Column("c", T.NEWDECIMAL, length=decimal_length(precision, scale), decimals=scale)
        return definition, values

    return st.integers(1, 65).flatmap(lambda p: st.builds(column, st.just(p), st.integers(0, min(p, 30))))


def _integers(kind: T, bits: int) -> list[tuple[Column, st.SearchStrategy[Any]]]:
    return [
        (Column("c", kind), st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)),
        (Column("c", kind, UNSIGNED), st.integers(0, 2**bits - 1)),
    ]


_DATES = st.one_of(st.dates(), st.just(ZERO_DATE))
_MOMENTS = st.one_of(st.datetimes(), st.just(ZERO_DATE))
_DURATIONS = st.timedeltas(min_value=-dt.timedelta(hours=838), max_value=dt.timedelta(hours=838))
_UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)

_KINDS = st.one_of(
    st.sampled_from(
        [
            *_integers(T.TINY, 8), *_integers(T.SHORT, 16), *_integers(T.LONG, 32),
            *_integers(T.LONGLONG, 64),
            (Column("c", T.INT24), st.integers(-(2**23), 2**23 - 1)),
            (Column("c", T.YEAR, UNSIGNED), st.integers(1901, 2155)),
            (Column("c", T.BIT, UNSIGNED, BYTES, 17), st.integers(0, 2**17 - 1)),
            (Column("c", T.FLOAT), _FINITE32), (Column("c", T.DOUBLE), _FINITE),
            (Column("c", T.DATE), _DATES), (Column("c", T.DATETIME), _MOMENTS),
            (Column("c", T.TIME), _DURATIONS),
            (Column("c", T.VAR_STRING, charset=TEXT), _UTF8),
            (Column("c", T.BLOB, charset=BYTES), st.binary(max_size=300)),
            (Column("c", T.NULL), st.none()),
        ]
    ),
    _decimals(),
)  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kinds = draw(st.lists(_KINDS, min_size=1, max_size=12))
    columns = [attrs.evolve(column, name=f"c{index}") for index, (column, _) in enumerate(kinds)]
    row = st.tuples(*(st.one_of(st.none(), values) for _, values in kinds)).map(list)
    return Case(columns, draw(st.lists(row, max_size=25)))


def _expected(value: Any) -> Any:
    return None if isinstance(value, ZeroDate) else value


@settings(max_examples=150, deadline=None)
@given(
    case=cases(),
    binary=st.booleans(),
    deprecate_eof=st.booleans(),
    chunk=st.integers(1, 5000),
    batch_rows=st.integers(1, 30),
)
def test_random_tables_come_back_as_they_were(
    case: Case, binary: bool, deprecate_eof: bool, chunk: int, batch_rows: int
) -> None:
    data = result_set(case.columns, case.rows, binary=binary, deprecate_eof=deprecate_eof)
    framing = Framing(binary, deprecate_eof, batch_rows)
    expected = [[_expected(value) for value in row] for row in case.rows]
    tables = [read(factory, data, framing, chunk=chunk)[0] for factory in _decoders()]
    for table in tables:
        assert table is not None
        assert [list(row.values()) for row in table.to_pylist()] == expected
        assert table.equals(tables[0])


@settings(max_examples=300, deadline=None)
@given(
    case=cases(),
    binary=st.booleans(),
    deprecate_eof=st.booleans(),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8
    ),
    cut=st.floats(0, 1),
)
def test_damaged_bytes_are_refused_or_read_alike_by_both_decoders(
    case: Case, binary: bool, deprecate_eof: bool, damage: list[tuple[float, int]], cut: float
) -> None:
    data = bytearray(result_set(case.columns, case.rows, binary=binary, deprecate_eof=deprecate_eof))
    for place, value in damage:
        data[int(place * len(data))] = value
    if cut < 0.3:
        del data[int(cut * len(data)) :]
    framing = Framing(binary, deprecate_eof)
    outcomes = [_outcome(factory, bytes(data), framing) for factory in _decoders()]
    assert all(outcome == outcomes[0] for outcome in outcomes)


def _outcome(factory: DecoderFactory, data: bytes, framing: Framing) -> str:
    """What came of it, comparable between decoders: a NaN from damaged bytes is equal to itself.

    Waiting for more bytes counts as refusing: one decoder looks into rows as they come, the other at the
    batch's end.
    """
    try:
        table, _ = read(factory, data, framing)
    except (MalformedPacketError, AssertionError):
        return "refused"
    except (ServerError, LocalInfileRefusedError) as error:
        return type(error).__name__
    return repr(table if table is None else [column.combine_chunks().to_string() for column in table.columns])


def _decoders() -> list[DecoderFactory]:
    factories = [choose_decoder(NUMPY)[1]]
    with contextlib.suppress(ImportError):
        factories.append(choose_decoder(NATIVE)[1])
    return factories


def test_floats_of_the_binary_protocol_are_bit_exact(decoder: DecoderFactory) -> None:
    values = [math.nan, math.inf, -math.inf, -0.0]
    data = result_set([Column("c", T.DOUBLE)], [[value] for value in values], binary=True)
    table, _ = read(decoder, data, Framing(True))
    assert table is not None
    assert [struct.pack("<d", value.as_py()) for value in table.column(0)] == [
        struct.pack("<d", v) for v in values
    ]
