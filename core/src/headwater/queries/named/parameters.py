"""`Parameter`: what may be given to a named query, and how a given value is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from headwater.errors import ValidationError

__all__ = ["REQUIRED", "Parameter", "ParameterType", "Scalar", "Value"]

Scalar: TypeAlias = str | int | float | bool | datetime
Value: TypeAlias = Scalar | list[Scalar]
"""What a data source binds: a time is aware and in UTC, a duration is a number of seconds."""


class _Default(Enum):
    REQUIRED = "required"


REQUIRED: Final = _Default.REQUIRED
"""The default of a parameter that has none."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_TRUTH = {"true": True, "false": False}
_LEAST, _MOST = -(2**63), 2**63 - 1
_MAX_TEXT = 1_000_000
_TOLD_CHOICES, _TOLD_LENGTH = 10, 40


class ParameterType(StrEnum):
    """How a value is read, and what the data source is given."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    DURATION = "duration"
    CHOICE = "choice"


@frozen(kw_only=True)
class Parameter:
    """One parameter. Without a `default` callers have to give it; with `is_list` it takes several values.

    `minimum` and `maximum` bound numbers, times and durations, and are written as values are; `pattern` is a
    regular expression of RE2 for the whole of a text, `max_length` its length in characters. A choice has
    `choices`, or takes them from the first column of the named query `choices_from`.
    """

    name: str
    type: ParameterType = ParameterType.TEXT
    title: str = ""
    description: str = ""
    default: Any = REQUIRED
    is_list: bool = False
    minimum: Any = None
    maximum: Any = None
    pattern: str = ""
    max_length: int = 1000
    max_items: int = 100
    choices: tuple[Scalar, ...] = field(factory=tuple)
    choices_from: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def bounded(self) -> bool:
        """Whether `minimum` and `maximum` mean anything to this type."""
        return self.type in _BOUNDED

    def check(self, now: datetime) -> None:
        """Raises ValidationError if the definition itself makes no sense."""
        if not _NAME.fullmatch(self.name):
            raise ValidationError("a parameter's name is an identifier of up to 64 characters", path="name")
        self._check_choices()
        if not self.bounded and (self.minimum is not None or self.maximum is not None):
            raise ValidationError(f"a {self.type} has no minimum and no maximum", path="minimum")
        if self.pattern and self.type is not ParameterType.TEXT:
            raise ValidationError("only a text has a pattern", path="pattern")
        if self.pattern and not _is_pattern(self.pattern):
            raise ValidationError("is no regular expression of RE2", path="pattern")
        if not 1 <= self.max_length <= _MAX_TEXT:
            raise ValidationError(f"is from 1 to {_MAX_TEXT:,}", path="maxLength")
        if not 1 <= self.max_items <= 10_000:
            raise ValidationError("is from 1 to 10,000", path="maxItems")
        bounds = {
            key: _at(key, partial(_READERS[self.type], bound, now))
            for key, bound in (("minimum", self.minimum), ("maximum", self.maximum))
            if bound is not None
        }
        moves = self.type is ParameterType.TIME  # bounds of times may cross one day
        if len(bounds) == 2 and not moves and bounds["minimum"] > bounds["maximum"]:
            raise ValidationError("is more than the maximum", path="minimum")
        if not self.required:
            _at("default", lambda: self.read(self.default, now))

    def read(self, given: Any, now: datetime) -> Value:
        """`given` as the data source binds it; texts such as a command line has are read, too.

        Raises ValidationError, without a path. Choices of another query are the caller's to check.
        """
        if not self.is_list:
            return self._read_one(given, now)
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ValidationError("expected a list")
        if len(given) > self.max_items:
            raise ValidationError(f"has more than {self.max_items:,} items")
        values: list[Scalar] = []
        for index, item in enumerate(given):
            values.append(_at(f"[{index}]", partial(self._read_one, item, now)))
        return values

    def chosen(self, given: Scalar, choices: Sequence[Scalar]) -> Scalar:
        """The one of `choices` that `given` names. Raises ValidationError."""
        for choice in choices:
            if choice == given and isinstance(choice, bool) == isinstance(given, bool):
                return choice
        if isinstance(given, str):
            for choice in choices:
                if _as_text(choice) == given:
                    return choice
        raise ValidationError(f"is none of the choices{_told(choices)}")

    def _read_one(self, given: Any, now: datetime) -> Scalar:
        value: Scalar = _READERS[self.type](given, now)
        if isinstance(value, str) and len(value) > self.max_length:
            raise ValidationError(f"has more than {self.max_length:,} characters")
        if isinstance(value, str) and self.pattern and not _finds(rf"\A(?:{self.pattern})\z", value):
            raise ValidationError("does not fit its pattern")
        if self.choices:
            return self.chosen(value, self.choices)
        self._check_bounds(value, now)
        return value

    def _check_bounds(self, value: Any, now: datetime) -> None:
        read = _READERS[self.type]
        if self.minimum is not None and value < read(self.minimum, now):
            raise ValidationError(f"is less than {self.minimum}")
        if self.maximum is not None and value > read(self.maximum, now):
            raise ValidationError(f"is more than {self.maximum}")

    def _check_choices(self) -> None:
        offered = bool(self.choices) + bool(self.choices_from)
        if self.type is ParameterType.CHOICE and offered != 1:
            raise ValidationError("a choice has either choices or choicesFrom", path="choices")
        if self.type is not ParameterType.CHOICE and offered:
            raise ValidationError("only a choice has choices", path="choices")
        for index, choice in enumerate(self.choices):
            if not isinstance(choice, str | int | float | bool):
                raise ValidationError("is a text, a number or a truth value", path=f"choices[{index}]")


def _finds(pattern: str, text: str) -> bool:
    """By RE2, which Arrow has: no pattern and no text take it more than a moment, where one of Python's may
    hold up the whole host."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return bool(pc.match_substring_regex(pa.scalar(text), pattern=pattern).as_py())


def _is_pattern(text: str) -> bool:
    try:
        _finds(text, "")
    except ValueError:  # ArrowInvalid, and what is no Unicode
        return False
    return True


def _at(place: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ValidationError as error:
        joint = "" if not error.path or error.path.startswith("[") else "."
        raise ValidationError(error.reason, path=f"{place}{joint}{error.path}") from None


def _told(choices: Sequence[Scalar]) -> str:
    """The first of them, for whoever cannot open a list. Escaped: they may be data."""
    first = ", ".join(repr(_as_text(each)[:_TOLD_LENGTH]) for each in choices[:_TOLD_CHOICES])
    more = len(choices) - _TOLD_CHOICES
    return f": {first}{f' and {more:,} more' if more > 0 else ''}" if choices else ""


def _as_text(choice: Scalar) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _text(given: Any, _: datetime) -> str:
    if not isinstance(given, str):
        raise ValidationError("expected text")
    if "\0" in given:
        raise ValidationError("holds a NUL character")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValidationError("is no valid Unicode") from None
    return given


def _integer(given: Any, _: datetime) -> int:
    if isinstance(given, str) and _INTEGER.fullmatch(given):
        given = int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValidationError("expected a whole number")
    if not _LEAST <= given <= _MOST:
        raise ValidationError("has more than 64 bits")
    return given


def _number(given: Any, _: datetime) -> int | float:
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            raise ValidationError("expected a number") from None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValidationError("expected a number")
    if isinstance(given, int) and not _LEAST <= given <= _MOST:
        raise ValidationError("has more than 64 bits")
    if not math.isfinite(given):
        raise ValidationError("expected a finite number")
    return given


def _boolean(given: Any, _: datetime) -> bool:
    if isinstance(given, str):
        given = _TRUTH.get(given, given)
    if not isinstance(given, bool):
        raise ValidationError("expected true or false")
    return given


def _time(given: Any, now: datetime) -> datetime:
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise ValidationError("needs a time zone")
        try:
            return given.astimezone(UTC)
        except OverflowError:
            raise ValidationError("is a time beyond the years 1 to 9999 in UTC") from None
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValidationError("expected a time such as 2026-01-31T12:00:00Z or now-1d")
    from headwater.frames.times.date_math import parse_time

    return parse_time(given if isinstance(given, str) else str(_integer(given, now)), now=now)


def _duration(given: Any, now: datetime) -> int | float:
    if isinstance(given, timedelta):
        given = given.total_seconds()
    if isinstance(given, str):
        from headwater.frames.times.intervals import parse_duration

        given = parse_duration(given).total_seconds()
    seconds = _number(given, now)
    return int(seconds) if isinstance(seconds, float) and seconds.is_integer() else seconds


def _choice(given: Any, now: datetime) -> Scalar:
    if isinstance(given, str):
        return _text(given, now)
    if isinstance(given, bool):
        return given
    return _number(given, now)


_READERS: Mapping[ParameterType, Callable[[Any, datetime], Any]] = {
    ParameterType.TEXT: _text,
    ParameterType.INTEGER: _integer,
    ParameterType.NUMBER: _number,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.TIME: _time,
    ParameterType.DURATION: _duration,
    ParameterType.CHOICE: _choice,
}
_BOUNDED = {ParameterType.INTEGER, ParameterType.NUMBER, ParameterType.TIME, ParameterType.DURATION}
