"""Type names, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from headwater.errors import DownstreamProtocolError
from headwater_clickhouse.types import DeclaredType, parse_type


def names_of(declared: DeclaredType) -> str:
    inner = ", ".join(names_of(argument) for argument in declared.arguments)
    return f"{declared.name}({inner})" if inner else declared.name


@pytest.mark.parametrize(
    ("text", "structure"),
    [
        ("UInt8", "UInt8"),
        ("Nullable(DateTime)", "Nullable(DateTime)"),
        ("Map(String, Array(Nullable(DateTime64(3, 'UTC'))))", "Map(String, Array(Nullable(DateTime64)))"),
        ("Tuple(UInt8, String)", "Tuple(UInt8, String)"),
        ("SimpleAggregateFunction(sum, UInt64)", "SimpleAggregateFunction(UInt64)"),
        ("SimpleAggregateFunction(groupArrayArray(10), Array(IPv4))", "SimpleAggregateFunction(Array(IPv4))"),
        ("AggregateFunction(quantiles(0.5, 0.9), Float64)", "AggregateFunction"),
        ("JSON(a.b UInt32, SKIP REGEXP 'x(.*)', max_dynamic_paths=10)", "JSON"),
        ("Variant(String, UInt8)", "Variant(String, UInt8)"),
        ("Ring", "Array(Tuple(Float64, Float64))"),
    ],
)
def test_a_type_name_becomes_its_structure(text: str, structure: str) -> None:
    assert names_of(parse_type(text)) == structure


def test_elements_keep_their_names_over_several_lines() -> None:
    declared = parse_type("Tuple(\n    `odd name` DateTime,\n    b Enum8('x' = 1))")
    assert declared.names == ("odd name", "b")
    assert declared.arguments[1].members == (("x", 1),)


def test_enum_names_are_unescaped() -> None:
    declared = parse_type(r"Enum16('it\'s' = -300, 'a, b) = 3' = 2, 'tab\t' = 0)")
    assert declared.members == (("it's", -300), ("a, b) = 3", 2), ("tab\t", 0))


def test_a_time_zone_and_a_precision_are_literals() -> None:
    assert parse_type("DateTime64(9, 'America/Argentina/Buenos_Aires')").literals == (
        9,
        "America/Argentina/Buenos_Aires",
    )


def test_wrappers_are_seen_through() -> None:
    assert parse_type("LowCardinality(Nullable(FixedString(4)))").bare.name == "FixedString"
    assert parse_type("SimpleAggregateFunction(anyLast, Nullable(Enum8('a' = 1)))").bare.name == "Enum8"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Enum8('a' = 1.5)",
        "Enum8('a' = 40000)",
        "JSON(" + "'\\\\'" * 99_999,
        "JSON(" + " " * 99_999 + "#",
        "Array(",
        "Array(UInt8))",
        "Nullable(UInt8) x",
        "(",
        "'a'",
        "A" + "(B" * 99,
    ],
)
def test_what_is_no_type_name_is_refused(text: str) -> None:
    with pytest.raises(DownstreamProtocolError):
        parse_type(text)


LEAVES = st.sampled_from(["UInt8", "String", "DateTime('UTC')", "Enum8('a' = 1)", "Decimal(9, 2)", "IPv6"])
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda t: f"Array({t})"),
        st.tuples(inner, inner).map(lambda t: f"Map({t[0]}, {t[1]})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda ts: f"Tuple({', '.join(ts)})"),
    ),
    max_leaves=8,
)


@given(TYPES)
def test_any_nesting_is_read(text: str) -> None:
    declared = parse_type(text)
    assert text.startswith(declared.name)
    assert text.count("(") >= names_of(declared).count("(")
