"""Where in a query's text a fault is, from where a database says it is."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from headwater.errors import HeadwaterError, QueryError, TextPosition
from headwater.sdk import at_byte, at_offset, located_errors
from headwater.sdk.positions import as_written

WRITTEN = "SELECT a\nFROM t WHERE $__timeFilter(at) AN b"
SENT = "SELECT a\nFROM t WHERE at BETWEEN 1 AND 2 AN b"


@pytest.mark.parametrize(
    ("offset", "place"),
    [(0, (1, 1)), (8, (1, 9)), (9, (2, 1)), (13, (2, 5)), (len(WRITTEN), (2, 36)), (99, None), (-1, None)],
)
def test_an_offset_is_a_line_and_a_column(offset: int, place: tuple[int, int] | None) -> None:
    assert at_offset(WRITTEN, offset) == (None if place is None else TextPosition(*place))


def test_bytes_are_counted_as_characters() -> None:
    text = "SELECT 'ü☃',\n x"
    assert at_byte(text, text.encode().index(b"x")) == TextPosition(2, 2)
    assert at_byte(text, len(text.encode()) + 1) is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (TextPosition(1, 8), TextPosition(1, 8)),
        (TextPosition(2, SENT.split("\n")[1].index("WHERE") + 1), TextPosition(2, 8)),
        (TextPosition(2, SENT.split("\n")[1].index("AN b") + 1), TextPosition(2, 32)),
        (TextPosition(2, SENT.split("\n")[1].index("1") + 1), TextPosition(2, None)),  # within the macro
        (TextPosition(2), TextPosition(2)),
        (TextPosition(3, 1), None),
    ],
)
def test_a_place_before_or_behind_a_macro_is_that_of_the_text_as_written(
    found: TextPosition, expected: TextPosition | None
) -> None:
    assert as_written(found, SENT, WRITTEN) == expected


def test_a_macro_of_several_lines_moves_what_follows() -> None:
    written, sent = "SELECT $__columns\nFORM t", "SELECT a,\n b\nFORM t"
    assert as_written(TextPosition(3, 1), sent, written) == TextPosition(2, 1)
    assert as_written(TextPosition(2, 2), sent, written) is None
    assert as_written(TextPosition(3), sent, written) is None


@given(st.text("ab \n", max_size=30), st.data())
def test_without_macros_every_place_is_its_own(text: str, data: st.DataObject) -> None:
    place = at_offset(text, data.draw(st.integers(0, len(text))))
    assert place is not None
    assert as_written(place, text, text) == place


@given(st.text("ab\n"), st.text("$xy\n"), st.text("$z1\n"), st.text("cd\n"), st.data())
def test_a_place_is_that_of_the_same_character_or_none(
    begin: str, macro: str, expansion: str, end: str, data: st.DataObject
) -> None:
    written, sent = begin + macro + end, begin + expansion + end
    offset = data.draw(st.integers(0, len(sent)))
    place = at_offset(sent, offset)
    assert place is not None
    found = as_written(place, sent, written)
    if found is None or found.column is None or offset in range(len(begin), len(begin + expansion)):
        return
    expected = offset if offset < len(begin) else offset - len(expansion) + len(macro)
    assert sent[offset : offset + 1] == written[expected : expected + 1]
    line = written.split("\n")[found.line - 1]
    assert found.column <= len(line) + 1


def test_errors_get_their_place_on_the_way_out() -> None:
    def locate(error: HeadwaterError, sent: str) -> TextPosition | None:
        return at_offset(sent, sent.index("AN b")) if "syntax" in str(error) else None

    with pytest.raises(QueryError) as caught, located_errors(WRITTEN, SENT, locate):
        raise QueryError("a fault of syntax")
    assert caught.value.position == TextPosition(2, 32)
    with pytest.raises(QueryError) as caught, located_errors(WRITTEN, SENT, locate):
        raise QueryError("no such table")
    assert caught.value.position is None
