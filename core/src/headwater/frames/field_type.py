"""The field types of Grafana's frames: their names on the wire and the Arrow types that hold them."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa


class FieldType(StrEnum):
    """A field type; the value is what stands under `typeInfo.frame`."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BOOL = "bool"
    TIME = "time.Time"
    JSON = "json.RawMessage"
    ENUM = "enum"

    @property
    def ts_type(self) -> str:
        """The type as Grafana's TypeScript code names it: stands under `type` and in Arrow's `tstype`."""
        return _TS_TYPES.get(self, "number")

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type that Grafana's own files use."""
        return ARROW_TYPES[self]

    @property
    def is_numeric(self) -> bool:
        return self.ts_type == "number"


ARROW_TYPES: dict[FieldType, pa.DataType] = {
    FieldType.INT8: pa.int8(),
    FieldType.INT16: pa.int16(),
    FieldType.INT32: pa.int32(),
    FieldType.INT64: pa.int64(),
    FieldType.UINT8: pa.uint8(),
    FieldType.UINT16: pa.uint16(),
    FieldType.UINT32: pa.uint32(),
    FieldType.UINT64: pa.uint64(),
    FieldType.FLOAT32: pa.float32(),
    FieldType.FLOAT64: pa.float64(),
    FieldType.STRING: pa.string(),
    FieldType.BOOL: pa.bool_(),
    FieldType.TIME: pa.timestamp("ns"),
    FieldType.JSON: pa.binary(),
    FieldType.ENUM: pa.uint16(),
}

_TS_TYPES = {
    FieldType.STRING: "string",
    FieldType.BOOL: "boolean",
    FieldType.TIME: "time",
    FieldType.JSON: "other",
    FieldType.ENUM: "enum",
}

#: Other spellings that decoders accept under `typeInfo.frame`.
ALIASES = {
    "int": FieldType.INT64,
    "float": FieldType.FLOAT64,
    "double": FieldType.FLOAT64,
    "boolean": FieldType.BOOL,
    "time": FieldType.TIME,
    "json": FieldType.JSON,
}
