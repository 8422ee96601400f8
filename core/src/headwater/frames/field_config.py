"""Display properties of a column: Grafana's FieldConfig with every key its clients read."""

# ruff: noqa: RUF009 - wire() is attrs.field()

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from attrs import frozen

from ._wire import (
    as_bool,
    as_bound,
    as_enum,
    as_int,
    as_is,
    as_mapping,
    as_number,
    as_record,
    as_text,
    as_tuple,
    from_wire,
    to_wire,
    wire,
    write_bound,
    write_records,
)


class ThresholdsMode(StrEnum):
    ABSOLUTE = "absolute"
    PERCENTAGE = "percentage"


class MappingType(StrEnum):
    VALUE = "value"
    RANGE = "range"
    SPECIAL = "special"


@frozen
class ValueMapping:
    """How values are shown. `options` has the form that `type` asks for, in Grafana's own keys:

    value: `{"1": {"text": "up", "color": "green", "index": 0}}`;
    range: `{"from": 0, "to": 10, "result": {"text": "low"}}`;
    special: `{"match": "null", "result": {"text": "no data"}}`.
    """

    type: MappingType | str = wire("type", as_enum(MappingType), default=MappingType.VALUE, always=True)
    options: Mapping[str, Any] = wire("options", as_mapping, default={}, always=True)


@frozen
class Threshold:
    """One step of a threshold list: applies from `value` upwards; the first one from minus infinity."""

    value: float = wire(
        "value", as_bound, default=float("-inf"), encode=write_bound, always=True, null_is_value=True
    )
    color: str = wire("color", as_text, default="")
    state: str = wire("state", as_text, default="")


@frozen
class Thresholds:
    mode: ThresholdsMode | str = wire(
        "mode", as_enum(ThresholdsMode), default=ThresholdsMode.ABSOLUTE, always=True
    )
    steps: tuple[Threshold, ...] = wire(
        "steps", as_tuple(as_record(Threshold)), default=(), encode=write_records, always=True
    )


@frozen
class InternalLink:
    """A link into Grafana itself: `query` is sent to the data source named by uid."""

    query: Any = wire("query", as_is, default=None)
    data_source_uid: str = wire("datasourceUid", as_text, default="")
    data_source_name: str = wire("datasourceName", as_text, default="")
    panels_state: Any = wire("panelsState", as_is, default=None)
    transformations: Any = wire("transformations", as_is, default=None)
    time_range: Any = wire("timeRange", as_is, default=None)


@frozen
class DataLink:
    title: str = wire("title", as_text, default="")
    target_blank: bool = wire("targetBlank", as_bool, default=False)
    url: str = wire("url", as_text, default="")
    internal: InternalLink | None = wire("internal", as_record(InternalLink), default=None, encode=to_wire)


@frozen
class EnumConfig:
    """Texts, colours, icons and descriptions of an enum column, each indexed by the column's values."""

    text: tuple[str, ...] = wire("text", as_tuple(as_text), default=(), always=True)
    color: tuple[str, ...] = wire("color", as_tuple(as_text), default=())
    icon: tuple[str, ...] = wire("icon", as_tuple(as_text), default=())
    description: tuple[str, ...] = wire("description", as_tuple(as_text), default=())


@frozen
class TypeConfig:
    enum: EnumConfig | None = wire("enum", as_record(EnumConfig), default=None, encode=to_wire)


@frozen
class FieldConfig:
    """How a client shows a column. Everything is optional; what is empty is not written.

    `interval` is the regular step between values, in the column's own unit (milliseconds for time).
    `min` and `max` bound the scale; an infinity or NaN is written as null, and null is read as -inf.
    """

    display_name: str = wire("displayName", as_text, default="")
    display_name_from_ds: str = wire("displayNameFromDS", as_text, default="")
    path: str = wire("path", as_text, default="")
    description: str = wire("description", as_text, default="")
    filterable: bool | None = wire("filterable", as_bool, default=None)
    writeable: bool | None = wire("writeable", as_bool, default=None)
    unit: str = wire("unit", as_text, default="")
    decimals: int | None = wire("decimals", as_int, default=None)
    min: float | None = wire("min", as_bound, default=None, encode=write_bound, null_is_value=True)
    max: float | None = wire("max", as_bound, default=None, encode=write_bound, null_is_value=True)
    interval: float = wire("interval", as_number, default=0)
    mappings: tuple[ValueMapping, ...] = wire(
        "mappings", as_tuple(as_record(ValueMapping)), default=(), encode=write_records
    )
    thresholds: Thresholds | None = wire("thresholds", as_record(Thresholds), default=None, encode=to_wire)
    color: Mapping[str, Any] | None = wire("color", as_mapping, default=None)
    links: tuple[DataLink, ...] = wire(
        "links", as_tuple(as_record(DataLink)), default=(), encode=write_records
    )
    no_value: str = wire("noValue", as_text, default="")
    type: TypeConfig | None = wire("type", as_record(TypeConfig), default=None, encode=to_wire)
    custom: Mapping[str, Any] | None = wire("custom", as_mapping, default=None)

    def to_json(self) -> dict[str, Any]:
        """The object that stands under `config` in a frame's JSON."""
        return to_wire(self)

    @classmethod
    def from_json(cls, value: Any, *, path: str = "config") -> Self:
        """:raises FrameDecodeError: a key holds a value of the wrong type."""
        return from_wire(cls, value, path)

    @property
    def enum_texts(self) -> tuple[str, ...] | None:
        """Texts of an enum column by index, or None if the column is no enum."""
        return self.type.enum.text if self.type is not None and self.type.enum is not None else None
