"""Parameters by position or by name, some of them lists, as the placeholders that a database knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from headwater.errors import QueryError

from .scanner import Dialect, SpanKind, scan

__all__ = ["IN_ORDER", "NUMBERED", "Parameters", "Placeholders", "bind", "named_placeholders"]

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]

_NAMED: Final = r"(?<![:\w@$.]):([^\W\d]\w*)"


@attrs.frozen
class Placeholders:
    """How a database writes placeholders: `?` one after the other, or `$1`, which may be used repeatedly.

    `no_values`: what an empty list becomes within `IN ( )`: a query without rows, so that nothing is in it
    and everything is not in it. Empty where a database knows no query without a type: that is an error.
    """

    numbered: bool = False
    no_values: str = "SELECT NULL WHERE FALSE"

    @property
    def example(self) -> str:
        """One of them."""
        return "$1" if self.numbered else "?"


IN_ORDER: Final = Placeholders()
NUMBERED: Final = Placeholders(numbered=True)


def named_placeholders() -> Mapping[str, str]:
    """What `bind` reads, as the `parameter_placeholders` of a plugin: `:name` for each type."""
    return {f"{kind}{items}": ":name" for kind in ("text", "integer", "number") for items in ("", "[]")}


def bind(
    sql: str, parameters: Parameters, dialect: Dialect, placeholders: Placeholders = IN_ORDER
) -> tuple[str, tuple[Any, ...]]:
    """`sql` with a placeholder for each single value, and these values in order.

    A mapping fills `:name` placeholders, a sequence those of the database; a list fills one placeholder with
    all its values, as in `IN (:ids)`. Raises QueryError for a placeholder without a value, or the reverse.
    """
    named = isinstance(parameters, Mapping)
    if not named and not any(_is_list(value) for value in parameters):
        return sql, tuple(parameters)
    binding = (_Numbered if placeholders.numbered else _InOrder)(parameters, placeholders)
    pattern = re.compile(f"{_NAMED}|{binding.native}" if named else binding.native)
    parts = ((span.kind, sql[span.start : span.end]) for span in scan(sql, dialect))
    bound = "".join(
        pattern.sub(binding.fill, text) if kind is SpanKind.CODE else text for kind, text in parts
    )
    binding.check_all_used()
    return bound, tuple(binding.values)


class _Binding:
    """Fills the placeholders of one statement, from its beginning to its end."""

    native: str

    def __init__(self, parameters: Parameters, placeholders: Placeholders) -> None:
        self._placeholders = placeholders
        self._named = isinstance(parameters, Mapping)
        self._parameters: dict[str, Any] = (
            dict(parameters)
            if isinstance(parameters, Mapping)
            else {str(number): value for number, value in enumerate(parameters, 1)}
        )
        self._used: set[str] = set()
        self.values: list[Any] = []

    def fill(self, match: re.Match[str]) -> str:
        if self._named and not match[0].startswith(":"):
            raise QueryError(
                f"params has names, but the statement has {match[0]} placeholders: give a list, or use :name"
            )
        key = self._key(match)
        self._used.add(key)
        if key in self._parameters:
            return self._text(key, self._parameters[key])
        if self._named or self._placeholders.numbered:
            raise QueryError(f"the placeholder {match[0]} has no value in params")
        return match[0]  # counted by `check_all_used`

    def check_all_used(self) -> None:
        unused = sorted(set(self._parameters) - self._used)
        if self._named and unused:
            raise QueryError(f"the statement has no placeholder :{unused[0]}")
        if len(self._used) != len(self._parameters):
            raise QueryError(
                f"the statement has {len(self._used)} placeholder(s), "
                f"but {len(self._parameters)} value(s) came"
            )

    def _key(self, match: re.Match[str]) -> str:
        raise NotImplementedError

    def _text(self, key: str, value: Any) -> str:
        raise NotImplementedError

    def _list(self, value: Any, mark: Callable[[Any], str]) -> str:
        if not _is_list(value):
            return mark(value)
        text = ", ".join(map(mark, value)) or self._placeholders.no_values
        if not text:
            raise QueryError("a list in params is empty; leave its condition out of the statement")
        return text


class _InOrder(_Binding):
    native = r"\?"

    def _key(self, match: re.Match[str]) -> str:
        return match[1] if self._named else str(len(self._used) + 1)

    def _text(self, key: str, value: Any) -> str:
        del key
        return self._list(value, self._mark)

    def _mark(self, value: Any) -> str:
        self.values.append(value)
        return "?"


class _Numbered(_Binding):
    native = r"(?<![\w$])\$(?P<number>\d+)"

    def __init__(self, parameters: Parameters, placeholders: Placeholders) -> None:
        super().__init__(parameters, placeholders)
        self._texts: dict[str, str] = {}

    def _key(self, match: re.Match[str]) -> str:
        return match[1] if self._named else str(int(match["number"]))

    def _text(self, key: str, value: Any) -> str:
        if key not in self._texts:
            self._texts[key] = self._list(value, self._mark)
        return self._texts[key]

    def _mark(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
