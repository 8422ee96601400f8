"""Parameters of a query that JSON cannot say (times, decimals, bytes), as a row of Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from headwater.errors import FrameError, ValidationError

from .frames import read_table

_POSITIONAL = b"positional"


def write_parameters(parameters: Any) -> bytes:
    """`parameters` are values by name, or in order. Raises ValidationError for what Arrow has no type for."""
    positional = not isinstance(parameters, Mapping)
    named = {str(place): value for place, value in enumerate(parameters)} if positional else parameters
    columns = {}
    for name, value in named.items():
        try:
            columns[name] = pa.array([value])
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            kind = type(value).__name__
            raise ValidationError(
                f"a {kind} cannot be handed to a plugin in another process", path=f"params.{name}"
            ) from error
    table = pa.table(columns).replace_schema_metadata({_POSITIONAL: b"1"} if positional else None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def read_parameters(data: bytes) -> dict[str, Any] | list[Any]:
    """What `write_parameters` was given. Raises ValidationError."""
    try:
        table = read_table(data)
        named: dict[str, Any] = table.to_pylist()[0]
    except (FrameError, pa.ArrowException, ArithmeticError, IndexError, ValueError) as error:
        raise ValidationError("cannot be read", path="params") from error
    return list(named.values()) if _POSITIONAL in (table.schema.metadata or {}) else named
