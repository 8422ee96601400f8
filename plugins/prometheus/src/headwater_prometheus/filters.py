"""Scope filters and ad hoc filters as PromQL matchers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from headwater.errors import ValidationError
from headwater.sdk import field

from .naming import label_name, quote

_OPERATORS = {
    "equals": "=",
    "not-equals": "!=",
    "regex-match": "=~",
    "regex-not-match": "!~",
    "one-of": "=|",
    "not-one-of": "!=|",
}
# What RE2 treats as syntax.
_REGEX_SYNTAX = re.compile(r"[\\.+*?()|\[\]{}^$]")


@frozen
class Filter:
    """`operator` is one of Grafana's words (`equals`, `one-of`, …) or its sign (`=`, `=|`, …)."""

    #: Of Grafana's dashboards.
    other_keys: ClassVar[tuple[str, ...]] = (
        "condition",
        "origin",
        "keyLabel",
        "valueLabels",
        "nonApplicable*",
    )

    key: str
    value: str = ""
    values: tuple[str, ...] = field(factory=tuple)
    operator: str = "equals"

    @property
    def sign(self) -> str:
        sign = _OPERATORS.get(self.operator, self.operator)
        if sign not in _OPERATORS.values():
            raise ValidationError(f"unknown operator {self.operator!r}", path="operator")
        return sign

    @property
    def alternatives(self) -> tuple[str, ...]:
        return self.values or (self.value,)

    @property
    def single_value(self) -> str:
        """`value`, or the only one of `values`. Raises ValidationError if there are others beside it."""
        if len(set(filter(None, (self.value, *self.values)))) > 1:
            raise ValidationError(
                f"the operator {self.operator!r} takes one value; one-of takes several", path="values"
            )
        return self.value or next(iter(self.values), "")


@frozen
class Scope:
    other_keys: ClassVar[tuple[str, ...]] = ("name", "defaultPath")

    title: str = ""
    type: str = ""
    description: str = ""
    category: str = ""
    filters: tuple[Filter, ...] = field(factory=tuple)


def matchers(scopes: Sequence[Scope], ad_hoc: Sequence[Filter]) -> list[str]:
    """PromQL matchers for all filters.

    Ad hoc filters override scope filters of the same key. Several scope filters that ask for a value of one
    key are alternatives of each other; ad hoc filters all have to hold.
    """
    overridden = {one.key for one in ad_hoc}
    wanted: dict[str, list[Filter]] = {}
    refused: list[Filter] = []
    for scope in scopes:
        for one in scope.filters:
            if one.key in overridden:
                continue
            if one.sign.startswith("!"):
                refused.append(one)
            else:
                wanted.setdefault(one.key, []).append(one)
    return [
        *(_any_of(key, filters) for key, filters in wanted.items()),
        *map(_matcher, refused),
        *map(_matcher, ad_hoc),
    ]


def regex_quote(text: str) -> str:
    """A regular expression (RE2) that matches `text` and nothing else."""
    return _REGEX_SYNTAX.sub(r"\\\g<0>", text)


def _any_of(key: str, filters: Sequence[Filter]) -> str:
    if len(filters) == 1:
        return _matcher(filters[0])
    parts = [part for one in filters for part in _alternatives(one)]
    return f"{label_name(key)}=~{quote('|'.join(dict.fromkeys(parts)))}"


def _alternatives(one: Filter) -> list[str]:
    """Regular expressions of which a wanted value matches one."""
    if one.sign == "=|":
        return list(map(regex_quote, one.alternatives))
    return [one.single_value if one.sign == "=~" else regex_quote(one.single_value)]


def _matcher(one: Filter) -> str:
    if not one.key:
        raise ValidationError("a filter needs a key", path="key")
    sign = one.sign
    if sign in {"=|", "!=|"}:
        sign = "=~" if sign == "=|" else "!~"
        text = "|".join(map(regex_quote, one.alternatives))
    else:
        text = one.single_value
    return f"{label_name(one.key)}{sign}{quote(text)}"
