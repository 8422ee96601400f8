"""Rows to bytes: each format reads a stream of Arrow batches and writes as it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from headwater.frames import FrameStream

Writer: TypeAlias = "Callable[[FrameStream, IO[bytes]], None]"

FORMATS = ("table", "json", "jsonl", "csv", "parquet", "arrow")
BINARY_FORMATS = frozenset({"parquet", "arrow"})
FORMATS_BY_SUFFIX: Mapping[str, str] = {
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet",
    ".arrow": "arrow", ".arrows": "arrow", ".txt": "table",
}  # fmt: skip
_WRITERS = {
    "json": ("json_lines", "write_json"),
    "jsonl": ("json_lines", "write_json_lines"),
    "csv": ("csv", "write_csv"),
    "parquet": ("parquet", "write_parquet"),
    "arrow": ("arrow", "write_arrow"),
    "table": ("table", "write_table"),
    "plot": ("plot", "write_plot"),
}


def writer(format_name: str) -> Writer:
    """The function that writes `format_name`; imports only what that format needs."""
    module, function = _WRITERS[format_name]
    found: Writer = getattr(import_module(f".{module}", __name__), function)
    return found
