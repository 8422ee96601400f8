"""`NamedQuery`: a question that somebody wrote, for others to ask with values of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from headwater.calls.context import QueryLimits
from headwater.errors import ValidationError

from .parameters import Parameter, Value

__all__ = ["NamedQuery", "NamedQueryLimits"]

_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_TAG = re.compile(r"[^\s,][^,\n]{0,49}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 24 * 3600.0


@frozen(kw_only=True)
class NamedQueryLimits:
    """What no run may exceed; None for what the host allows. `timeout` and `max_range` are in seconds.

    `max_range` is the longest time range.
    """

    max_rows: int | None = None
    max_bytes: int | None = None
    timeout: float | None = None
    max_range: float | None = None

    def within(self, limits: QueryLimits) -> dict[str, Any]:
        """What to change in the limits of a host: nothing gets larger."""
        return {
            name: least(getattr(self, name), getattr(limits, name))
            for name in ("max_rows", "max_bytes", "timeout")
            if getattr(self, name) is not None
        }

    def check(self) -> None:
        """Raises ValidationError with the key of the fault."""
        for name, key in (("max_rows", "maxRows"), ("max_bytes", "maxBytes"), ("max_range", "maxRange")):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValidationError("is more than 0", path=f"limits.{key}")
        if self.timeout is not None and not 0 < self.timeout <= _LONGEST:
            raise ValidationError("is more than 0 and at most a day", path="limits.timeout")


def least(one: float | None, other: float | None) -> float | None:
    """The smaller one, None being none."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@frozen(kw_only=True)
class NamedQuery:
    """`query` is the data source's query object with placeholders, `data_source` a uid.

    Without a time range of the caller `from_` and `to` are taken. `cache` says how long answers are
    remembered, as `jsonData.cache` of a data source does; None leaves that to the data source. `version`
    counts the changes, `updated_by` made the last one. One that is `read_only` is a file's.
    """

    id: str
    data_source: str
    query: Mapping[str, Any]
    title: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = field(factory=tuple)
    from_: str = "now-1h"
    to: str = "now"
    limits: NamedQueryLimits = field(factory=NamedQueryLimits)
    cache: Any = None
    tags: tuple[str, ...] = field(factory=tuple)
    read_only: bool = False
    version: int = 0
    created: datetime = _EPOCH
    updated: datetime = _EPOCH
    updated_by: str = ""

    def check(self, now: datetime) -> None:
        """Raises ValidationError, with its path, for what is wrong whichever the plugin is."""
        check_id(self.id)
        if len(self.title) > 190:
            raise ValidationError("has more than 190 characters", path="title")
        if len(self.description) > 10_000:
            raise ValidationError("has more than 10,000 characters", path="description")
        for tag in self.tags:
            if not _TAG.fullmatch(tag):
                raise ValidationError("a tag has 1 to 50 characters and no comma", path="tags")
        if len(self.tags) > 50 or len(self.parameters) > 100:
            raise ValidationError("has more than 50 tags or 100 parameters", path="parameters")
        self.limits.check()
        from headwater.frames.times.date_math import parse_time_range

        parse_time_range(self.from_, self.to, now=now)
        seen: set[str] = set()
        for index, parameter in enumerate(self.parameters):
            path = f"parameters[{index}]"
            try:
                parameter.check(now)
            except ValidationError as error:
                raise ValidationError(error.reason, path=f"{path}.{error.path}") from None
            if parameter.name in seen:
                raise ValidationError("is given twice", path=f"{path}.name")
            seen.add(parameter.name)

    def read_values(self, given: Mapping[str, Any], now: datetime) -> dict[str, Value]:
        """A value for each parameter, defaults for those that are not given.

        Raises ValidationError with a path such as `parameters.day`.
        """
        known = {parameter.name for parameter in self.parameters}
        if unknown := sorted(map(str, given.keys() - known)):
            takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise ValidationError(f"is no parameter; {takes}", path=f"parameters.{unknown[0][:64]}")
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            path = f"parameters.{parameter.name}"
            wanted = given.get(parameter.name, parameter.default)
            if parameter.name not in given and parameter.required:
                raise ValidationError("is required", path=path)
            try:
                values[parameter.name] = parameter.read(wanted, now)
            except ValidationError as error:
                raise ValidationError(error.reason, path=path + error.path) from None
        return values


def check_id(id: str) -> None:  # noqa: A002
    """Raises ValidationError unless `id` has 1 to 40 of the characters a-z, A-Z, 0-9, `_` and `-`."""
    if not _ID.fullmatch(id):
        raise ValidationError("an id has 1 to 40 letters, digits, hyphens or underscores", path="id")
