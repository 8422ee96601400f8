"""The names of column types and of time formats. Loads no pyarrow: settings are checked with them."""

from __future__ import annotations

import re

NUMBERS = (
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
)  # fmt: skip
TIMES = {f"timestamp[{unit}]": unit for unit in ("s", "ms", "us", "ns")} | {"timestamp": "us"}
OTHERS = ("bool", "string", "date32", "json")
DECIMAL = re.compile(r"decimal128\((?P<precision>[0-9]{1,2}), ?(?P<scale>[0-9]{1,2})\)")
EPOCHS = {f"epoch_{unit}": unit for unit in ("s", "ms", "us", "ns")}


def check_column_type(name: str, time_format: str) -> None:
    """Raises ValueError."""
    decimal = DECIMAL.fullmatch(name)
    if name and name not in {*NUMBERS, *TIMES, *OTHERS} and not decimal:
        known = ", ".join((*OTHERS, *NUMBERS, *TIMES, "decimal128(precision, scale)"))
        raise ValueError(f"there is no column type {name[:40]!r}; there are {known}")
    if decimal and not (
        1 <= int(decimal["precision"]) <= 38 and int(decimal["scale"]) <= int(decimal["precision"])
    ):
        raise ValueError("decimal128 has 1 to 38 digits, and its scale is no more than these")
    if not time_format:
        return
    if name not in TIMES:
        raise ValueError("format is for times: type: timestamp")
    if time_format not in {"iso", *EPOCHS} and "%" not in time_format:
        raise ValueError(
            f"there is no format {time_format[:40]!r}; there are iso, {', '.join(EPOCHS)}, and strptime's"
        )
