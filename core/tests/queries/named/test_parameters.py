"""Reading the values of parameters: what is taken, what is refused, and in which words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headwater.errors import ValidationError
from headwater.queries.named import Parameter, named_query_from, parameters_schema

EAST = timezone(timedelta(hours=2))
WEST = timezone(timedelta(hours=-5))
TIMES = ": write now-6h, an ISO 8601 date or time, or milliseconds since 1970"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def parameter(**fields: Any) -> Parameter:
    query = {"id": "q", "datasource": "shop", "query": {}, "parameters": [{"name": "x", **fields}]}
    [made] = named_query_from(query).parameters
    made.check(NOW)
    return made


@pytest.mark.parametrize(
    ("type_", "value", "bound"),
    [
        ("text", "Zürich' OR 1=1", "Zürich' OR 1=1"),
        ("text", "", ""),
        ("integer", 5, 5),
        ("integer", "-5", -5),
        ("integer", 5.0, 5),
        ("number", "1.5", 1.5),
        ("number", 2, 2),
        ("boolean", "true", True),
        ("boolean", False, False),
        ("time", "2026-01-31T10:00:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("time", datetime(2026, 1, 31, 10, tzinfo=EAST), datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("time", date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        ("time", 0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("time", "now-1d/d", datetime(2026, 1, 30, tzinfo=UTC)),
        ("duration", "1h30m", 5400),
        ("duration", timedelta(milliseconds=1500), 1.5),
        ("duration", 90, 90),
    ],
)  # fmt: skip
def test_a_value_is_read_as_its_type(type_: str, value: Any, bound: Any) -> None:
    read = parameter(type=type_).read(value, NOW)
    assert (read, type(read)) == (bound, type(bound))


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("text", 5, "expected text"),
        ("text", "a\0b", "holds a NUL character"),
        ("text", "\ud800", "is no valid Unicode"),
        ("text", "x" * 1001, "has more than 1,000 characters"),
        ("integer", True, "expected a whole number"),
        ("integer", 1.5, "expected a whole number"),
        ("integer", "1; DROP TABLE t", "expected a whole number"),
        ("integer", "٣", "expected a whole number"),
        ("integer", 2**63, "has more than 64 bits"),
        ("number", "nan", "expected a finite number"),
        ("number", float("inf"), "expected a finite number"),
        ("number", True, "expected a number"),
        ("number", "much", "expected a number"),
        ("number", 10**400, "has more than 64 bits"),
        ("time", 10**400, "has more than 64 bits"),
        ("boolean", 1, "expected true or false"),
        ("boolean", "yes", "expected true or false"),
        ("time", "yesterday", f"invalid time 'yesterday'{TIMES}"),
        ("time", datetime(2026, 1, 31), "needs a time zone"),  # noqa: DTZ001
        ("time", datetime.max.replace(tzinfo=WEST), "is a time beyond the years 1 to 9999 in UTC"),
        ("time", 1.5, "expected a time such as 2026-01-31T12:00:00Z or now-1d"),
        ("duration", "soon", "invalid duration 'soon'"),
        ("text", ["a"], "expected text"),
        ("text", None, "expected text"),
    ],
)
def test_any_other_value_is_refused(type_: str, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parameter(type=type_).read(value, NOW)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("fields", "good", "bad"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 3}, (1, 3), (0, 4)),
        ({"type": "number", "minimum": 0.5}, (0.5, 1e300), (0.49,)),
        ({"type": "time", "minimum": "now-1d"}, ("now-1d", "now"), ("now-25h",)),
        ({"type": "duration", "maximum": "1h"}, ("60m", 3600), ("61m",)),
        ({"type": "text", "pattern": "[a-z]{2}"}, ("de",), ("DE", "dem", "de\n")),
        ({"type": "text", "maxLength": 2}, ("ab",), ("abc",)),
        ({"type": "choice", "choices": ["a", 2, True]}, ("a", 2, True), ("b", 1, 3, "x")),
    ],
)
def test_bounds_hold(fields: dict[str, Any], good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    made = parameter(**fields)
    for value in good:
        made.read(value, NOW)
    for value in bad:
        with pytest.raises(ValidationError):
            made.read(value, NOW)


def test_no_text_takes_a_pattern_more_than_a_moment() -> None:
    words = parameter(type="text", pattern=r"(\w+\s?)*")
    assert words.read("north south ", NOW) == "north south "
    with pytest.raises(ValidationError, match="does not fit its pattern"):
        words.read("x" * 999 + "!", NOW)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (["EUR", 2, True], ": 'EUR', '2', 'true'"),
        (
            [f"c{n}" for n in range(12)],
            ": 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9' and 2 more",
        ),
        (["a\u202e\nb", "x" * 99], r": 'a\u202e\nb', '" + "x" * 40 + "'"),
    ],
)
def test_whoever_gives_none_of_the_choices_is_told_the_first(choices: list[Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parameter(type="choice", choices=choices).read("other", NOW)
    assert str(caught.value) == f"is none of the choices{told}"


def test_a_choice_written_as_text_is_bound_as_the_choice_it_names() -> None:
    made = parameter(type="choice", choices=["2", 3, True])
    assert [made.read(text, NOW) for text in ("2", "3", "true")] == ["2", 3, True]


def test_a_list_reads_each_of_its_items() -> None:
    made = parameter(type="integer", list=True, maxItems=3)
    assert made.read(["1", 2], NOW) == [1, 2]
    assert made.read([], NOW) == []
    for value, fault in (
        ("12", "expected a list"),
        ([1, "x"], "[1]: expected"),
        ([1] * 4, "more than 3 items"),
    ):
        with pytest.raises(ValidationError, match=fault.replace("[", r"\[")):
            made.read(value, NOW)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "a b"}, "name"),
        ({"type": "choice"}, "choices"),
        ({"type": "text", "choices": ["a"]}, "choices"),
        ({"type": "choice", "choices": [["a"]]}, "choices[0]"),
        ({"type": "choice", "choices": ["a"], "choicesFrom": "q"}, "choices"),
        ({"type": "text", "minimum": 1}, "minimum"),
        ({"type": "integer", "minimum": "one"}, "minimum"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum"),
        ({"type": "duration", "minimum": "1h", "maximum": "5m"}, "minimum"),
        ({"type": "integer", "maximum": 3, "default": 4}, "default"),
        ({"type": "integer", "list": True, "default": [1, "x"]}, "default[1]"),
        ({"type": "integer", "pattern": "1"}, "pattern"),
        ({"type": "text", "pattern": "("}, "pattern"),
        ({"type": "text", "pattern": "(?=a)a"}, "pattern"),
        ({"type": "text", "pattern": "a)(b"}, "pattern"),
        ({"type": "text", "pattern": "\ud800"}, "pattern"),
        ({"type": "text", "maxLength": 0}, "maxLength"),
        ({"type": "text", "list": True, "maxItems": 0}, "maxItems"),
        ({"type": "text", "list": True, "maxItems": 10_001}, "maxItems"),
        ({"type": "colour"}, "parameters[0].type"),
        ({"list": "yes"}, "parameters[0].list"),
        ({"typ": "text"}, "parameters[0].typ"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused_with_its_place(
    fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        parameter(**fields)
    assert caught.value.path == path


def test_the_schema_says_what_a_value_may_be() -> None:
    query = {
        "id": "revenue",
        "datasource": "shop",
        "query": {},
        "parameters": [
            {"name": "region", "type": "text", "pattern": "[a-z]+", "maxLength": 9, "title": "Region"},
            {"name": "top", "type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            {"name": "days", "type": "time", "list": True, "maxItems": 2, "minimum": "now-1y"},
            {"name": "unit", "type": "choice", "choices": ["EUR", "CHF"], "description": "Currency."},
            {"name": "step", "type": "duration", "maximum": "1h"},
            {"name": "city", "type": "choice", "choicesFrom": "cities"},
        ],
    }
    assert parameters_schema(named_query_from(query)) == {
        "type": "object",
        "properties": {
            "region": {"type": "string", "maxLength": 9, "pattern": "^(?:[a-z]+)$", "title": "Region"},
            "top": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "days": {
                "type": "array",
                "items": {"type": "string", "examples": ["2026-01-31T12:00:00Z", "now-1d"]},
                "maxItems": 2,
                "description": "A time in ISO 8601, or relative to now. At least now-1y.",
            },
            "unit": {"enum": ["EUR", "CHF"], "description": "Currency."},
            "step": {
                "type": "string",
                "examples": ["5m", "1h30m"],
                "description": "A duration. At most 1h.",
            },
            "city": {
                "type": ["string", "number", "boolean"],
                "description": "One of the values that the host lists as its choices.",
            },
        },
        "required": ["region", "days", "unit", "step", "city"],
        "additionalProperties": False,
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner),
    max_leaves=5,
)


@given(type_=st.sampled_from(["text", "integer", "number", "boolean", "time", "duration"]), value=JSON)
def test_a_value_is_bound_as_one_of_few_types_or_refused(type_: str, value: Any) -> None:
    try:
        read = parameter(type=type_).read(value, NOW)
    except ValidationError:
        return
    expected = {"text": str, "integer": int, "boolean": bool, "time": datetime}.get(type_, int | float)
    assert isinstance(read, expected)
