"""What a frame says of itself: type, notices, statistics, hints to the client (Grafana's FrameMeta)."""

# ruff: noqa: RUF009 - wire() is attrs.field()

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, Self

import attrs
from attrs import frozen

from .errors import FrameDecodeError
from .field_config import FieldConfig
from .json_records import (
    as_enum,
    as_int,
    as_is,
    as_mapping,
    as_number,
    as_record,
    as_text,
    as_tuple,
    from_wire,
    json_field,
    to_wire,
    write_records,
)

LIMITED_TO = "Results have been limited to"
"""How the notice of a limit begins that has cut rows off; the words are Grafana's."""


class FrameType(StrEnum):
    """Kinds of frames that clients know how to read (Grafana's data plane contract)."""

    TIME_SERIES_WIDE = "timeseries-wide"
    TIME_SERIES_LONG = "timeseries-long"
    TIME_SERIES_MULTI = "timeseries-multi"
    TIME_SERIES_MANY = "timeseries-many"  # the old name of multi
    NUMERIC_WIDE = "numeric-wide"
    NUMERIC_LONG = "numeric-long"
    NUMERIC_MULTI = "numeric-multi"
    LOG_LINES = "log-lines"
    TABLE = "table"
    DIRECTORY_LISTING = "directory-listing"
    HEATMAP_CELLS = "heatmap-cells"
    HEATMAP_ROWS = "heatmap-rows"


class Visualisation(StrEnum):
    GRAPH = "graph"
    TABLE = "table"
    LOGS = "logs"
    TRACE = "trace"
    NODE_GRAPH = "nodeGraph"
    FLAME_GRAPH = "flamegraph"


class DataTopic(StrEnum):
    ANNOTATIONS = "annotations"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Inspect(IntEnum):
    """The tab of the client's inspector that a notice points to."""

    NONE = 0
    META = 1
    ERROR = 2
    DATA = 3
    STATS = 4


def _severity(value: Any, path: str) -> Severity:
    name = as_text(value, path)
    try:
        return Severity(name)
    except ValueError as error:
        raise FrameDecodeError(f"unrecognized notice severity {name}", path=path) from error


def _inspect(value: Any, path: str) -> Inspect:
    try:
        return Inspect(as_int(value, path))
    except ValueError:
        return Inspect.NONE


def _version(value: Any, path: str) -> tuple[int, int]:
    numbers = as_tuple(as_int)(value, path)
    major, minor = (*numbers, 0, 0)[:2]
    return major, minor


@frozen(kw_only=True)
class Notice:
    """A message about the data for whoever looks at it."""

    severity: Severity = json_field("severity", _severity, default=Severity.INFO, always=True)
    text: str = json_field("text", as_text, default="", always=True)
    link: str = json_field("link", as_text, default="")
    inspect: Inspect = json_field("inspect", _inspect, default=Inspect.NONE, encode=int)

    @classmethod
    def of_limit(cls, rows: int, limit: str) -> Self:
        """Only the first `rows` are there, because of a limit, `row` or `byte`."""
        return cls.warning(f"{LIMITED_TO} {rows} because the {limit} limit was reached")

    @classmethod
    def warning(cls, text: str, *, link: str = "", inspect: Inspect = Inspect.NONE) -> Self:
        return cls(severity=Severity.WARNING, text=text, link=link, inspect=inspect)

    @classmethod
    def error(cls, text: str, *, link: str = "", inspect: Inspect = Inspect.NONE) -> Self:
        return cls(severity=Severity.ERROR, text=text, link=link, inspect=inspect)

    @classmethod
    def info(cls, text: str, *, link: str = "", inspect: Inspect = Inspect.NONE) -> Self:
        return cls(severity=Severity.INFO, text=text, link=link, inspect=inspect)


@frozen
class Stat:
    """A number about the query or its answer, shown with `config` (its display name, unit, …)."""

    value: float
    config: FieldConfig = FieldConfig()

    def to_json(self) -> dict[str, Any]:
        return {**self.config.to_json(), "value": self.value}

    @classmethod
    def from_json(cls, value: Any, path: str) -> Self:
        members = as_mapping(value, path)
        config = FieldConfig.from_json(members, path=path)
        return cls(as_number(members.get("value", 0), f"{path}.value"), config)


@frozen
class FrameMeta:
    """What a frame says of itself. Everything is optional; what is empty is not written.

    The data plane contract holds for a frame whose `type` is set and whose `type_version` is not (0, 0).
    """

    type: FrameType | str = json_field("type", as_enum(FrameType), default="")
    type_version: tuple[int, int] = json_field("typeVersion", _version, default=(0, 0), always=True)
    path: str = json_field("path", as_text, default="")
    path_separator: str = json_field("pathSeparator", as_text, default="")
    custom: Any = json_field("custom", as_is, default=None)
    stats: tuple[Stat, ...] = json_field(
        "stats", as_tuple(Stat.from_json), default=(), encode=lambda stats: [stat.to_json() for stat in stats]
    )
    notices: tuple[Notice, ...] = json_field(
        "notices", as_tuple(as_record(Notice)), default=(), encode=write_records
    )
    channel: str = json_field("channel", as_text, default="")
    preferred_visualisation_type: Visualisation | str = json_field(
        "preferredVisualisationType", as_enum(Visualisation), default=""
    )
    preferred_visualisation_plugin_id: str = json_field("preferredVisualisationPluginId", as_text, default="")
    executed_query_string: str = json_field("executedQueryString", as_text, default="")
    data_topic: DataTopic | str = json_field("dataTopic", as_enum(DataTopic), default="")
    unique_row_id_fields: tuple[int, ...] = json_field("uniqueRowIdFields", as_tuple(as_int), default=())

    def to_json(self) -> dict[str, Any]:
        """The object that stands under `schema.meta` in a frame's JSON."""
        return to_wire(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | Any, *, path: str = "meta") -> Self:
        """:raises FrameDecodeError: a key holds a value of the wrong type."""
        return from_wire(cls, value, path)

    def with_(self, **changes: Any) -> Self:
        """A copy with other values for the attributes that `changes` names."""
        return attrs.evolve(self, **changes)

    def with_notice(self, *notices: Notice) -> Self:
        """A copy that carries `notices` after its own."""
        return self.with_(notices=(*self.notices, *notices))
