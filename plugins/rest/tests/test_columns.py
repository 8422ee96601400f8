"""Columns: declared ones, inferred ones, and what does not fit."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jmespath
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.errors import DownstreamProtocolError
from headwater_rest.columns import _getter
from headwater_rest.selectors import plain_names
from headwater_rest.settings import Column
from servers.rest_api import Answer, RestApi

from .conftest import MakeHost

UTC = dt.UTC
Read = Callable[..., Any]


@pytest.fixture
def read(make_host: MakeHost, api: RestApi) -> Read:
    """`read(rows, **endpoint)`: the frame that rows of one page become."""

    def read(rows: object, settings: dict[str, Any] | None = None, **endpoint: Any) -> Any:
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        api.routes["/page"] = lambda _, asked: Answer(body)
        return make_host(settings, page={"path": "page", **endpoint}).query("shop", "page")

    return read


def column(frame: Any, name: str = "v") -> tuple[pa.DataType, list[Any]]:
    found = frame.table.column(name)
    return found.type, found.to_pylist()


@pytest.mark.parametrize("offset", ["Z", ""])
def test_a_time_keeps_its_nanoseconds(read: Read, offset: str) -> None:
    rows = [{"v": f"2026-03-01T06:00:00.123456789{offset}"}, {"v": None}]
    found = read(rows, columns=[{"name": "v", "type": "timestamp[ns]"}]).table.column("v")
    assert found.type == pa.timestamp("ns", "UTC")
    assert found.cast(pa.int64()).to_pylist() == [1_772_344_800_123_456_789, None]


@pytest.mark.parametrize(
    ("values", "type_", "expected"),
    [
        ([1, None, -3], pa.int64(), [1, None, -3]),
        ([2**63, 1], pa.uint64(), [2**63, 1]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([True, None], pa.bool_(), [True, None]),
        (["a", None, ""], pa.string(), ["a", None, ""]),
        (["1", "2"], pa.string(), ["1", "2"]),
        (
            ["2026-03-01T06:00:00Z", "2026-03-01T08:00:00.5+01:00"],
            pa.timestamp("us", "UTC"),
            [dt.datetime(2026, 3, 1, 6, tzinfo=UTC), dt.datetime(2026, 3, 1, 7, 0, 0, 500_000, UTC)],
        ),
        (["2026-03-01T06:00:00"], pa.string(), ["2026-03-01T06:00:00"]),
        (["2026-03-01"], pa.string(), ["2026-03-01"]),
        ([1, "a"], pa.json_(), ["1", '"a"']),
        ([{"b": 1.5}, [1]], pa.json_(), ['{"b":1.5}', "[1]"]),
        ([2**70], pa.json_(), [str(2**70)]),
        ([None, None], pa.json_(), [None, None]),
        ([True, 1], pa.json_(), ["true", "1"]),
    ],
)
def test_types_are_inferred(values: list[Any], type_: pa.DataType, expected: list[Any], read: Read) -> None:
    assert column(read([{"v": value} for value in values])) == (type_, expected)


@pytest.mark.parametrize(
    ("type_", "values", "arrow", "expected"),
    [
        ("int8", [1, "-2", None, 3.0], pa.int8(), [1, -2, None, 3]),
        ("float64", [1, 2.5], pa.float64(), [1.0, 2.5]),
        ("float32", ["1.5"], pa.float32(), [1.5]),
        ("bool", [True, None], pa.bool_(), [True, None]),
        ("string", ["x", None], pa.string(), ["x", None]),
        ("date32", ["2026-02-28"], pa.date32(), [dt.date(2026, 2, 28)]),
        (
            "decimal128(20, 2)",
            [0.1, "123456789012345678.25", 7],
            pa.decimal128(20, 2),
            [Decimal("0.10"), Decimal("123456789012345678.25"), Decimal("7.00")],
        ),
        ("json", [1, {"a": None}, "x"], pa.json_(), ["1", '{"a":null}', '"x"']),
        (
            "timestamp[s]",
            ["2026-03-01T06:00:00.9Z"],
            pa.timestamp("s", "UTC"),
            [dt.datetime(2026, 3, 1, 6, tzinfo=UTC)],
        ),
        (
            "timestamp",
            ["2026-03-01T06:00:00"],
            pa.timestamp("us", "UTC"),
            [dt.datetime(2026, 3, 1, 6, tzinfo=UTC)],
        ),
        ("timestamp", ["2026-03-01"], pa.timestamp("us", "UTC"), [dt.datetime(2026, 3, 1, tzinfo=UTC)]),
        (
            "timestamp",
            ["2026-03-01T06:00:00.123456789+01:00", None],
            pa.timestamp("us", "UTC"),
            [dt.datetime(2026, 3, 1, 5, 0, 0, 123_456, UTC), None],
        ),
    ],
)
def test_types_are_as_declared(
    type_: str, values: list[Any], arrow: pa.DataType, expected: list[Any], read: Read
) -> None:
    for each, wanted in zip(values, expected, strict=True):
        frame = read([{"v": each}], columns=[{"name": "v", "type": type_}])
        assert column(frame) == (arrow, [wanted])


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("epoch_s", 1772344800),
        ("epoch_s", 1772344800.25),
        ("epoch_ms", 1772344800250),
        ("epoch_us", 1772344800250000),
        ("epoch_ns", 1772344800250000000),
        ("epoch_ms", "1772344800250"),
        ("%d.%m.%Y %H:%M:%S.%f", "01.03.2026 06:00:00.25"),
        ("%Y%m%dT%H%M%S%z", "20260301T080000+0200"),
    ],
)
def test_times_have_formats(form: str, value: object, read: Read) -> None:
    frame = read(
        [{"v": value}, {"v": None}], columns=[{"name": "v", "type": "timestamp[ms]", "format": form}]
    )
    type_, (time, nothing) = column(frame)
    assert type_ == pa.timestamp("ms", "UTC")
    assert time.replace(microsecond=0) == dt.datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert nothing is None


def test_columns_have_paths(read: Read) -> None:
    rows = [{"customer": {"name": "Ada", "tags": ["a", "b"]}, "odd key": 1}, {"customer": None}]
    frame = read(
        rows,
        columns=[
            {"name": "name", "path": "customer.name"},
            {"name": "second", "path": "customer.tags[1]", "type": "string"},
            {"name": "count", "path": "length(customer.tags || `[]`)"},
            {"name": "odd key"},
        ],
    )
    assert frame.table.to_pylist() == [
        {"name": "Ada", "second": "b", "count": 2, "odd key": 1},
        {"name": None, "second": None, "count": 0, "odd key": None},
    ]


def test_rows_that_are_no_objects_have_the_path_of_themselves(read: Read) -> None:
    assert column(read([3, 4], columns=[{"name": "v", "path": "@"}])) == (pa.int64(), [3, 4])
    assert column(read([[1, "a"]], columns=[{"name": "v", "path": "[1]"}])) == (pa.string(), ["a"])
    with pytest.raises(
        DownstreamProtocolError, match="Row 1 is not an object but a number: give the endpoint columns"
    ):
        read([3, 4])


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("int64", 1.5, "1.5 does not fit the type int64"),
        ("int64", "x", '"x" does not fit the type int64'),
        ("int64", True, "true does not fit the type int64"),
        ("int8", 128, "128 does not fit the type int8"),
        ("bool", 1, "1 does not fit the type bool"),
        ("string", 5, "5 does not fit the type string"),
        ("float64", [1], r"\[1\] does not fit the type float64"),
        ("date32", "2026-02-30", '"2026-02-30" does not fit the type date32'),
        ("timestamp", "yesterday", '"yesterday" does not fit the type timestamp'),
        ("timestamp", 5, "5 does not fit the type timestamp"),
        ("decimal128(4, 2)", "123.45", '"123.45" does not fit'),
        ("decimal128(4, 2)", "1.234", '"1.234" does not fit'),
    ],
)
def test_what_does_not_fit_is_told_with_row_and_column(
    type_: str, value: object, said: str, read: Read
) -> None:
    rows = [{"v": None}, {"v": None}, {"v": value}]
    with pytest.raises(DownstreamProtocolError, match=f"Row 3, column 'v': {said}"):
        read(rows, columns=[{"name": "v", "type": type_}])


def test_inferred_types_are_fixed_after_the_first_rows(make_host: MakeHost, api: RestApi) -> None:
    pages = [[{"v": 1}] * 10, [{"v": 2}, {"v": "three"}], []]
    api.routes["/page"] = lambda _, asked: Answer(json.dumps(pages[asked.number("page", 1) - 1]).encode())
    endpoint = {"path": "page", "paginator": {"type": "page_number"}}
    host = make_host({"inferRows": 5}, page=endpoint)
    with pytest.raises(
        DownstreamProtocolError, match="Row 12, column 'v': \"three\" does not fit the type int64"
    ):
        host.query("shop", "page")
    assert column(make_host({"inferRows": 11}, page=endpoint).query("shop", "page"))[0] == pa.json_()


def test_rows_that_are_no_objects_later_are_told(make_host: MakeHost, api: RestApi) -> None:
    pages = [[{"v": 1}], [{"v": 2}, 7], []]
    api.routes["/page"] = lambda _, asked: Answer(json.dumps(pages[asked.number("page", 1) - 1]).encode())
    host = make_host({"inferRows": 1}, page={"path": "page", "paginator": {"type": "page_number"}})
    with pytest.raises(DownstreamProtocolError, match="Row 3 is not an object"):
        host.query("shop", "page")


def test_keys_that_come_later_are_told(make_host: MakeHost, api: RestApi) -> None:
    pages = [[{"v": 1}] * 10, [{"v": 2, "late": 1}], []]
    api.routes["/page"] = lambda _, asked: Answer(json.dumps(pages[asked.number("page", 1) - 1]).encode())
    host = make_host({"inferRows": 5}, page={"path": "page", "paginator": {"type": "page_number"}})
    frame = host.query("shop", "page")
    assert frame.num_rows == 11
    assert frame.meta is not None
    assert [notice.text for notice in frame.meta.notices] == [
        "Left out, because the first 5 rows do not have them: late. Give the endpoint columns to have them."
    ]


def test_what_was_asked_is_told(read: Read, api: RestApi) -> None:
    frame = read([{"v": 1}], params={"since": "$__from", "x": "a b"})
    asked = frame.meta.executed_query_string
    assert asked.startswith(f"GET {api.url}/page?since=1")
    assert asked.endswith("&x=a+b")


@given(
    st.lists(st.sampled_from(["a", "b", "odd key", "ü"]), min_size=1, max_size=4),
    st.recursive(
        st.none() | st.integers() | st.lists(st.integers()),
        lambda inner: st.dictionaries(st.sampled_from(["a", "b", "odd key", "ü"]), inner),
    ),
)
def test_plain_paths_mean_what_jmespath_says(names: list[str], row: object) -> None:
    path = ".".join(json.dumps(name, ensure_ascii=False) for name in names)
    assert plain_names(path) == names
    get, _ = _getter(Column(name="v", path=path))
    assert get(row) == jmespath.search(path, row)


@pytest.mark.parametrize("path", ["@", "a[0]", "a[0].b", "a.b[*]", "a.[b, c]", "a || b", "a.keys(@)"])
def test_other_paths_are_the_librarys(path: str) -> None:
    assert plain_names(path) is None
