"""What the encoder knows of a schema before it sees rows; kept, for small answers repeat their schemas."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from attrs import frozen

from headwater.frames import json_text
from headwater.frames.errors import FrameError
from headwater.frames.field_type import FieldType
from headwater.frames.grafana_types import Conversion, conversion
from headwater.frames.schema import field_labels

_KEPT = 512
_LONGEST_KEY = 16 * 1024


@frozen(eq=False)
class Plan:
    """How to write each column of a schema, and the JSON of its `fields`.

    `is_numeric`: all are numbers, or times in milliseconds, and none has nulls.
    """

    conversions: tuple[Conversion, ...]
    fields: bytes
    is_numeric: bool


_plans: dict[tuple[bytes, tuple[bool, ...]], Plan] = {}


def plan_of(schema: pa.Schema, has_nulls: tuple[bool, ...]) -> Plan:
    """The plan for columns of `schema`, some of which have nulls though their field says they cannot.

    At most 512 are kept, none of a schema of more than 16 KiB.

    :raises FrameTypeError: no Grafana type can hold a column.
    :raises FrameError: a field's config cannot be written as JSON.
    """
    try:
        key = schema.remove_metadata().serialize().to_pybytes(), has_nulls
    except pa.ArrowException:  # pragma: no cover - IPC knows all types of pyarrow 19 to 26
        return _plan(schema, has_nulls)
    plan = _plans.get(key)
    if plan is None:
        plan = _plan(schema, has_nulls)
        if len(_plans) >= _KEPT:
            _plans.clear()
        if len(key[0]) <= _LONGEST_KEY:
            _plans[key] = plan
    return plan


def _plan(schema: pa.Schema, has_nulls: tuple[bool, ...]) -> Plan:
    conversions = tuple(conversion(field) for field in schema)
    written = [
        _field(field, each, field.nullable or nulls)
        for field, each, nulls in zip(schema, conversions, has_nulls, strict=True)
    ]
    try:
        fields = json_text.dumps(written)
    except ValueError as error:
        raise FrameError(f"the frame's schema is {error}") from error
    is_numeric = not any(has_nulls) and all(map(_is_number, schema, conversions))
    return Plan(conversions, fields, is_numeric and len(schema) > 0)


def _is_number(field: pa.Field, plan: Conversion) -> bool:
    if plan.type is FieldType.TIME:
        return bool(pa.types.is_timestamp(field.type)) and field.type.unit == "ms"
    return plan.convert is None and plan.type not in {FieldType.STRING, FieldType.JSON}


def _field(field: pa.Field, plan: Conversion, nullable: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": field.name} if field.name else {}
    written["type"] = plan.type.ts_type
    written["typeInfo"] = {"frame": plan.type, "nullable": True} if nullable else {"frame": plan.type}
    labels = field_labels(field)
    if labels is not None:
        written["labels"] = labels
    if plan.config is not None:
        written["config"] = plan.config.to_json()
    return written
