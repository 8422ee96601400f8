"""Expand `$__name(arguments)` in SQL. Macros in strings and comments stay as they are; they may nest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from attrs import field, frozen

from headwater.errors import MacroError

from .scanner import Dialect, SpanKind, scan, split_arguments

__all__ = ["MacroCall", "MacroEngine"]

S = TypeVar("S")
_NAME = re.compile(r"\$(__[A-Za-z][A-Za-z0-9_]*)")
_DEPTH = 32
_MOST_CHARACTERS = 2**20
"""Written in one expansion, besides those that nesting copies: macros repeat their arguments, so nested ones
grow by powers."""


@frozen
class MacroCall:
    """One use of a macro. `arguments` is None without brackets: `$__interval` differs from `$__from()`.

    It stands in `sql` from `start` to `end`.
    """

    name: str
    arguments: tuple[str, ...] | None
    text: str
    sql: str = field(default="", repr=False, eq=False)
    start: int = 0
    end: int = 0

    def expect(self, *counts: int) -> tuple[str, ...]:
        """The arguments, if there are as many as one of `counts`. Raises MacroError."""
        arguments = self.arguments or ()
        if len(arguments) not in counts:
            expected = " or ".join(str(count) for count in counts)
            raise MacroError(
                f"unexpected number of arguments: ${self.name} expected {expected} argument(s), "
                f"received {len(arguments)}"
            )
        return arguments


class _Budget:
    """How many characters the macros of one expansion may still write, at all depths together."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def spend(self, text: str) -> str:
        """`text`, paid for. Raises MacroError once the budget is used up."""
        self._left -= len(text)
        if self._left < 0:
            raise MacroError("the macros make too long a text of the query; nest or repeat fewer of them")
        return text


class MacroEngine(Generic[S]):
    """Expands macros with functions `function(call, scope) -> SQL`. Names are given without the `$`.

    `keep_unknown` leaves unknown macros in the text; otherwise they raise MacroError.
    """

    def __init__(
        self,
        macros: Mapping[str, Callable[[MacroCall, S], str]],
        dialect: Dialect,
        *,
        keep_unknown: bool = False,
    ) -> None:
        self._macros = dict(macros)
        self._dialect = dialect
        self._keep_unknown = keep_unknown

    def expand(self, sql: str, scope: S) -> str:
        """`sql` with its macros expanded, arguments first.

        Raises MacroError, also where they nest more than 32 deep or make more than a mebibyte of the text.
        """
        return self._expand(sql, scope, 0, _Budget(_MOST_CHARACTERS + _DEPTH * len(sql)))

    def _expand(self, sql: str, scope: S, depth: int, budget: _Budget) -> str:
        if depth > _DEPTH:
            raise MacroError(f"macros are nested more than {_DEPTH} deep")
        written: list[str] = []
        done = 0
        for span in scan(sql, self._dialect):
            if span.kind is not SpanKind.CODE:
                continue
            while match := _NAME.search(sql, max(span.start, done), span.end):
                call, end = self._read_call(sql, match, scope, depth, budget)
                written += [sql[done : match.start()], budget.spend(self._call(call, scope))]
                done = end
        return "".join(written) + sql[done:]

    def _read_call(
        self, sql: str, match: re.Match[str], scope: S, depth: int, budget: _Budget
    ) -> tuple[MacroCall, int]:
        if not sql.startswith("(", match.end()):
            return MacroCall(match[1], None, match[0], sql, match.start(), match.end()), match.end()
        arguments, end = split_arguments(sql, match.end(), self._dialect)
        expanded = tuple(self._expand(argument, scope, depth + 1, budget) for argument in arguments)
        kept = f"{match[0]}({', '.join(expanded)})"
        return MacroCall(match[1], expanded, kept, sql, match.start(), end), end

    def _call(self, call: MacroCall, scope: S) -> str:
        function = self._macros.get(call.name)
        if function is not None:
            return function(call, scope)
        if self._keep_unknown:
            return call.text
        raise MacroError(f"unknown macro ${call.name}")
