"""Places of faults in a query's text: from where a database counts to where the caller wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headwater.errors import HeadwaterError, TextPosition


def at_offset(text: str, offset: int) -> TextPosition | None:
    """The place of the character at `offset`, counted from 0; None outside of `text`."""
    if not 0 <= offset <= len(text):
        return None
    line_start = text.rfind("\n", 0, offset) + 1
    return TextPosition(text.count("\n", 0, offset) + 1, offset - line_start + 1)


def at_byte(text: str, offset: int) -> TextPosition | None:
    """As `at_offset`, for those who count the bytes of UTF-8."""
    encoded = text.encode()
    if not 0 <= offset <= len(encoded):
        return None
    return at_offset(text, len(encoded[:offset].decode(errors="ignore")))


@contextmanager
def located_errors(
    written: str, sent: str, locate: Callable[[HeadwaterError, str], TextPosition | None]
) -> Iterator[None]:
    """Errors that pass get their `position` in `written`, the caller's text.

    `locate(error, sent)` tells where in `sent`, what became of it, the database found the fault.
    """
    try:
        yield
    except HeadwaterError as error:
        if error.position is None and (place := locate(error, sent)) is not None:
            error.position = as_written(place, sent, written)
        raise


def as_written(position: TextPosition, sent: str, written: str) -> TextPosition | None:
    """Where in `written` a place of `sent` is; within what was put in for a macro only the line, if known."""
    lines, own = sent.split("\n"), written.split("\n")
    line = position.line - 1
    if not 0 <= line < len(lines):
        return None
    if len(lines) == len(own):
        column = None if position.column is None else _moved(position.column, lines[line], own[line])
        return TextPosition(position.line, column)
    if position.column is None:
        return None
    start = sum(len(each) + 1 for each in lines[:line])
    place = _moved(start + position.column, sent, written)
    return None if place is None else at_offset(written, place - 1)


def _moved(place: int, sent: str, written: str) -> int | None:
    """A place, counted from 1, in what both texts begin or end with; None between."""
    begin = _common(sent, written)
    if place <= begin or sent == written:
        return place
    end = _common(sent[begin:][::-1], written[begin:][::-1])
    if place > len(sent) - end:
        return place - len(sent) + len(written)
    return None


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
