"""What is read with Spark, from the options of `format("headwater")`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

from attrs import frozen

from headwater import Filter
from headwater.errors import ValidationError
from headwater.queries import QueryOptions, ReadTasks

from .hosts import host_of

__all__ = ["SparkOptions"]

_PARTS: Final = 32
_READ: Final = (
    "dataSource", "query", "host", "target", "columns", "from", "to", "params", "pushFilters",
)  # fmt: skip
_STREAMED: Final = ("key", "latest", "startAfter", "step", "delay")
_SECRET: Final = re.compile(r"pass|pwd|secret|token|credential|api_?key|private|auth", re.IGNORECASE)


@frozen
class SparkOptions:
    """`given` has lower-case names, as Spark gives some of them, and the required ones."""

    given: Mapping[str, str]

    @classmethod
    def read(cls, options: Mapping[str, str]) -> SparkOptions:
        """Raises ValidationError for an option that is unknown, missing, or looks like a secret."""
        known = {name.lower(): name for name in (*_READ, *_STREAMED)}
        for name in options:
            if name.lower() in known or name.lower() == "path":
                continue
            if _SECRET.search(name):
                raise ValidationError(
                    "looks like a secret, and options show in plans, logs and the UI: secrets belong to the "
                    "data source, which workers get by the option host",
                    path=f"option {name}",
                )
            raise ValidationError(f"is none of {', '.join(known.values())}", path=f"option {name}")
        read = cls({name.lower(): value for name, value in options.items()})
        for required in ("dataSource", "query", "host"):
            read.text(required)
        return read

    @property
    def data_source(self) -> str:
        return self.text("dataSource")

    @property
    def host(self) -> str:
        return self.text("host")

    @property
    def columns(self) -> Sequence[str] | None:
        """None for all."""
        given = self.given.get("columns")
        return [name.strip() for name in given.split(",")] if given else None

    @property
    def pushes_filters(self) -> bool:
        return self.given.get("pushfilters", "false").lower() == "true"

    def text(self, name: str) -> str:
        """An option without which nothing can be read. Raises ValidationError."""
        if not self.given.get(name.lower()):
            raise ValidationError("is missing", path=f"option {name}")
        return self.given[name.lower()]

    def number(self, name: str, default: int) -> int:
        """Raises ValidationError."""
        try:
            return int(self.given.get(name.lower(), default))
        except ValueError:
            raise ValidationError("is no whole number", path=f"option {name}") from None

    def plan(
        self,
        *,
        target: int | None = None,
        columns: Sequence[str] | None = None,
        filters: Sequence[Filter] = (),
        **times: Unpack[QueryOptions],
    ) -> ReadTasks:
        """The tasks of the query; without `columns` and `times` those that the options say.

        Raises ValidationError for options that cannot be; what planning raises.
        """
        if not times and not self.given.keys().isdisjoint({"from", "to"}):
            times = {"from_": self.given.get("from", "now-1h"), "to": self.given.get("to", "now")}
        if "params" in self.given:
            times = {**times, "params": _json(self.given["params"], "params")}
        parts = self.number("target", _PARTS)
        query: Any = self.text("query")
        if query.lstrip().startswith("{"):
            query = _json(query, "query")
        return host_of(self.host).read_tasks(
            self.data_source,
            query,
            target=target or parts,
            columns=self.columns if columns is None else columns,
            filters=filters,
            **times,
        )


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValidationError("is no JSON", path=f"option {option}") from None
