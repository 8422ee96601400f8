"""Display properties of a column: Grafana's FieldConfig with every key its clients read."""

# ruff: noqa: RUF009 - wire() is attrs.field()

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from attrs import frozen

from .json_records import (
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
    json_field,
    to_wire,
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

    type: MappingType | str = json_field("type", as_enum(MappingType), default=MappingType.VALUE, always=True)
    options: Mapping[str, Any] = json_field("options", as_mapping, default={}, always=True)


@frozen
class Threshold:
    """One step of a threshold list: applies from `value` upwards; the first one from minus infinity."""

    value: float = json_field(
        "value", as_bound, default=float("-inf"), encode=write_bound, always=True, null_is_value=True
    )
    color: str = json_field("color", as_text, default="")
    state: str = json_field("state", as_text, default="")


@frozen
class Thresholds:
    mode: ThresholdsMode | str = json_field(
        "mode", as_enum(ThresholdsMode), default=ThresholdsMode.ABSOLUTE, always=True
    )
    steps: tuple[Threshold, ...] = json_field(
        "steps", as_tuple(as_record(Threshold)), default=(), encode=write_records, always=True
    )


@frozen
class InternalLink:
    """A link into Grafana itself: `query` is sent to the data source named by uid."""

    query: Any = json_field("query", as_is, default=None)
    data_source_uid: str = json_field("datasourceUid", as_text, default="")
    data_source_name: str = json_field("datasourceName", as_text, default="")
    panels_state: Any = json_field("panelsState", as_is, default=None)
    transformations: Any = json_field("transformations", as_is, default=None)
    time_range: Any = json_field("timeRange", as_is, default=None)


@frozen
class DataLink:
    title: str = json_field("title", as_text, default="")
    target_blank: bool = json_field("targetBlank", as_bool, default=False)
    url: str = json_field("url", as_text, default="")
    internal: InternalLink | None = json_field(
        "internal", as_record(InternalLink), default=None, encode=to_wire
    )


@frozen
class EnumConfig:
    """Texts, colours, icons and descriptions of an enum column, each indexed by the column's values."""

    text: tuple[str, ...] = json_field("text", as_tuple(as_text), default=(), always=True)
    color: tuple[str, ...] = json_field("color", as_tuple(as_text), default=())
    icon: tuple[str, ...] = json_field("icon", as_tuple(as_text), default=())
    description: tuple[str, ...] = json_field("description", as_tuple(as_text), default=())


@frozen
class TypeConfig:
    enum: EnumConfig | None = json_field("enum", as_record(EnumConfig), default=None, encode=to_wire)


@frozen
class FieldConfig:
    """How a client shows a column. Everything is optional; what is empty is not written.

    `interval` is the regular step between values, in the column's own unit (milliseconds for time).
    `min` and `max` bound the scale; an infinity or NaN is written as null, and null is read as -inf.
    """

    display_name: str = json_field("displayName", as_text, default="")
    display_name_from_ds: str = json_field("displayNameFromDS", as_text, default="")
    path: str = json_field("path", as_text, default="")
    description: str = json_field("description", as_text, default="")
    filterable: bool | None = json_field("filterable", as_bool, default=None)
    writeable: bool | None = json_field("writeable", as_bool, default=None)
    unit: str = json_field("unit", as_text, default="")
    decimals: int | None = json_field("decimals", as_int, default=None)
    min: float | None = json_field("min", as_bound, default=None, encode=write_bound, null_is_value=True)
    max: float | None = json_field("max", as_bound, default=None, encode=write_bound, null_is_value=True)
    interval: float = json_field("interval", as_number, default=0)
    mappings: tuple[ValueMapping, ...] = json_field(
        "mappings", as_tuple(as_record(ValueMapping)), default=(), encode=write_records
    )
    thresholds: Thresholds | None = json_field(
        "thresholds", as_record(Thresholds), default=None, encode=to_wire
    )
    color: Mapping[str, Any] | None = json_field("color", as_mapping, default=None)
    links: tuple[DataLink, ...] = json_field(
        "links", as_tuple(as_record(DataLink)), default=(), encode=write_records
    )
    no_value: str = json_field("noValue", as_text, default="")
    type: TypeConfig | None = json_field("type", as_record(TypeConfig), default=None, encode=to_wire)
    custom: Mapping[str, Any] | None = json_field("custom", as_mapping, default=None)

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
