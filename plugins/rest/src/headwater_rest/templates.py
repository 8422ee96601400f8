"""Parameters and macros in an endpoint's path, query parameters and body.

A value never becomes syntax: it is one path segment, one query parameter or one JSON value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import frozen

from headwater.errors import MacroError, QueryError, ValidationError
from headwater.frames import format_interval
from headwater.sdk import DataQuery
from headwater.sdk.paths import check_segment, split_path

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER = re.compile(
    rf"\$(?P<macro>__(?:from|to|interval_ms|interval|range_ms|range_s|range)\b)"
    rf"|\$\{{(?P<braced>__[a-z_]+)(?::(?P<format>[^}}]*))?\}}"
    rf"|\$?\{{(?P<parameter>{_NAME})\}}"
)
_ISO = "%Y-%m-%dT%H:%M:%S"
_TOKENS: Mapping[str, Callable[[datetime], str]] = {
    "YYYY": lambda time: f"{time.year:04}",
    "YY": lambda time: f"{time.year % 100:02}",
    "MM": lambda time: f"{time.month:02}",
    "M": lambda time: f"{time.month}",
    "DD": lambda time: f"{time.day:02}",
    "D": lambda time: f"{time.day}",
    "HH": lambda time: f"{time.hour:02}",
    "H": lambda time: f"{time.hour}",
    "mm": lambda time: f"{time.minute:02}",
    "ss": lambda time: f"{time.second:02}",
    "SSS": lambda time: f"{time.microsecond // 1000:03}",
}
_TOKEN = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)) + r"|\[(?P<literal>[^\]]*)\]|[A-Za-z]+")


@frozen
class Scope:
    """What placeholders stand for in one query. `values` has all parameters that there are."""

    query: DataQuery
    values: Mapping[str, Any]

    def segments(self, template: str) -> tuple[str, ...]:
        """The decoded segments of a path. Raises QueryError for a value that is not one segment."""
        filled = []
        for segment in split_template(template):
            text = self.text(segment)
            try:
                check_segment(text)
            except ValidationError as error:
                raise QueryError(f"{segment} in the path: {error}") from error
            filled.append(text)
        return tuple(filled)

    def parameters(self, templates: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Query parameters; a list repeats one, null leaves it out."""
        for name, template in templates.items():
            value = self.value(template)
            for each in value if isinstance(value, list | tuple) else [value]:
                if each is not None:
                    yield name, _text(each, name)

    def value(self, template: Any) -> Any:
        """A JSON value: texts that are one parameter and nothing else become its value, type and all."""
        if isinstance(template, Mapping):
            return {key: self.value(each) for key, each in template.items()}
        if isinstance(template, list | tuple):
            return [self.value(each) for each in template]
        if not isinstance(template, str):
            return template
        whole = _PLACEHOLDER.fullmatch(template)
        if whole and whole["parameter"]:
            return self._parameter(whole["parameter"])
        return self.text(template)

    def body(self, template: Any) -> Any:
        """As `value`, but a parameter in the middle of a text stays: there, braces are GraphQL's."""
        if isinstance(template, Mapping):
            return {key: self.body(each) for key, each in template.items()}
        if isinstance(template, list | tuple):
            return [self.body(each) for each in template]
        if isinstance(template, str) and not _PLACEHOLDER.fullmatch(template):
            return _PLACEHOLDER.sub(
                lambda found: found[0] if found["parameter"] else self._fill(found), template
            )
        return self.value(template)

    def text(self, template: str) -> str:
        return _PLACEHOLDER.sub(self._fill, template)

    def _fill(self, found: re.Match[str]) -> str:
        if name := found["parameter"]:
            return _text(self._parameter(name), name)
        return self._macro(found["macro"] or found["braced"], found["format"] or "")

    def _parameter(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise QueryError(f"The endpoint needs the parameter {name!r}: give it in params.") from None

    def _macro(self, name: str, form: str) -> str:
        time_range = self.query.time_range
        length = time_range.to_ms - time_range.from_ms
        match name:
            case "__from":
                return _time_text(time_range.from_, time_range.from_ms, form)
            case "__to":
                return _time_text(time_range.to, time_range.to_ms, form)
            case "__interval":
                return format_interval(timedelta(milliseconds=self.query.interval_ms))
            case "__interval_ms":
                return str(self.query.interval_ms)
            case "__range":
                return f"{length // 1000}s"
            case "__range_s":
                return str(length // 1000)
            case "__range_ms":
                return str(length)
        raise MacroError(f"There is no macro {name}.")


def split_template(path: str) -> tuple[str, ...]:
    """The segments of an endpoint's path, decoded. Raises ValueError for what is none."""
    if "?" in path or "#" in path or "://" in path:
        raise ValueError("path is relative to the URL, and query parameters belong into params")
    try:
        return split_path(path.strip("/"))
    except ValidationError as error:
        raise ValueError(str(error)) from error


def placeholders(template: Any) -> Iterator[str]:
    """The names of parameters in a path, or in query parameters."""
    if isinstance(template, Mapping):
        template = list(template.values())
    if isinstance(template, list | tuple):
        for each in template:
            yield from placeholders(each)
    elif isinstance(template, str):
        yield from (found["parameter"] for found in _PLACEHOLDER.finditer(template) if found["parameter"])


def body_placeholders(template: Any) -> Iterator[str]:
    """The names of parameters in a JSON body."""
    if isinstance(template, Mapping):
        template = list(template.values())
    if isinstance(template, list | tuple):
        for each in template:
            yield from body_placeholders(each)
    elif isinstance(template, str) and (whole := _PLACEHOLDER.fullmatch(template)) and whole["parameter"]:
        yield whole["parameter"]


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat().replace("+00:00", "Z")
    raise QueryError(f"{name}: expected text, a number, a time, or true or false for this place.")


def _time_text(time: datetime, milliseconds: int, form: str) -> str:
    """Grafana's formats of `${__from:…}`."""
    if form == "":
        return str(milliseconds)
    if form in {"date", "date:iso"}:
        return f"{time.strftime(_ISO)}.{milliseconds % 1000:03}Z"
    if form == "date:seconds":
        return str(milliseconds // 1000)
    kind, _, pattern = form.partition(":")
    if kind != "date":
        raise MacroError(
            f"There is no format {form!r} of times; use date, date:iso, date:seconds, date:YYYY-MM-DD."
        )
    return _TOKEN.sub(lambda found: _token(found, time, pattern), pattern)


def _token(found: re.Match[str], time: datetime, pattern: str) -> str:
    if found["literal"] is not None:
        return found["literal"]
    if found[0] == "T":
        return "T"
    if (write := _TOKENS.get(found[0])) is None:
        raise MacroError(
            f"{found[0]!r} in the format {pattern!r} is none of {', '.join(_TOKENS)} (or [text])."
        )
    return write(time)
