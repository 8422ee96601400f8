"""Places of errors in a query's text, as `{"line": 1, "column": 8}`; without a column the line is meant."""

from __future__ import annotations

from typing import Any

from headwater.errors import TextPosition
from headwater.frames.json_records import as_int, as_mapping


def position_to_json(position: TextPosition) -> dict[str, int]:
    if position.column is None:
        return {"line": position.line}
    return {"line": position.line, "column": position.column}


def position_from_json(value: Any, path: str) -> TextPosition:
    """:raises FrameDecodeError: it is not of this form."""
    members = as_mapping(value, path)
    column = members.get("column")
    return TextPosition(
        as_int(members.get("line"), f"{path}.line"),
        None if column is None else as_int(column, f"{path}.column"),
    )
