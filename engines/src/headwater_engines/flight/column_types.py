"""Arrow types from the names that databases give their types."""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa

_NAME: Final = re.compile(r"\s*(\w+)(?:\s*[\[(]([^)\]]*)[)\]])?\s*(.*)", re.DOTALL)
_TIMESTAMP: Final = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=([\w/+:-]+))?\]")  # as Arrow writes it
_WRAPPERS: Final = {"nullable", "lowcardinality"}
_MOST_DIGITS: Final = 76

_INTEGERS: Final = {
    "tinyint": 8, "int8": 8, "uint8": 8, "smallint": 16, "int16": 16, "uint16": 16, "int2": 16, "year": 16,
    "mediumint": 32, "int": 32, "integer": 32, "int4": 32, "int32": 32, "uint32": 32, "serial": 32,
    "bigint": 64, "int64": 64, "uint64": 64, "bigserial": 64,
}  # fmt: skip
_OTHERS: Final = {
    "bool": pa.bool_(), "boolean": pa.bool_(),
    "float": pa.float32(), "float32": pa.float32(), "real": pa.float32(), "halffloat": pa.float16(),
    "double": pa.float64(), "float64": pa.float64(), "float8": pa.float64(),
    "date": pa.date32(), "date32": pa.date32(),
    "time": pa.time64("us"), "time64": pa.time64("us"),
    "datetime": pa.timestamp("us"), "timestamp": pa.timestamp("us", "UTC"),
    "timestamptz": pa.timestamp("us", "UTC"), "datetime64": pa.timestamp("us", "UTC"),
    "binary": pa.binary(), "varbinary": pa.binary(), "blob": pa.binary(), "tinyblob": pa.binary(),
    "mediumblob": pa.binary(), "longblob": pa.binary(), "bytea": pa.binary(),
}  # fmt: skip


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a column whose database calls its type `name`; text for one that is not known.

    It tells a tool what to expect. The types of a query's rows are those of its answer.
    """
    if (moment := _TIMESTAMP.fullmatch(name)) is not None:
        return pa.timestamp(moment[1], moment[2])
    found = _NAME.fullmatch(name)
    if found is None:
        return pa.string()
    word, inside, rest = found[1].lower(), found[2] or "", found[3].lower()
    if word in _WRAPPERS:
        return arrow_type(name[name.index("(") + 1 : name.rindex(")")])
    if (bits := _INTEGERS.get(word)) is not None:
        unsigned = "unsigned" in rest or word.startswith("u")
        return getattr(pa, f"{'u' if unsigned else ''}int{bits}")()
    if word in ("decimal", "numeric", "decimal128", "decimal256"):
        return _decimal(inside)
    return _OTHERS.get(word, pa.string())


def _decimal(inside: str) -> pa.DataType:
    digits = [int(part) for part in inside.split(",") if part.strip().isdecimal()]
    precision, scale = (*digits, 0)[:2] if digits else (38, 10)
    if not 1 <= precision <= _MOST_DIGITS or scale > precision:
        return pa.string()
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
