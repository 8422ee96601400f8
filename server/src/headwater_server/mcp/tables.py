"""Frames as compact text for a context window: bounded, and saying what was left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from headwater.frames import Field, Frame

__all__ = ["Table", "TableLimits", "lines_of", "table_of"]

_LONGEST_CELL = 500


@frozen
class TableLimits:
    """What one answer may take of a context: rows of all frames together, and bytes of text."""

    rows: int = 100
    bytes: int = 32_000


@frozen
class Table:
    """`text` is CSV, a block for each frame. `shown` of `total` rows are in it; `total` counts what was
    fetched, and there are more if `cut`."""

    text: str
    shown: int
    total: int
    cut: bool

    @property
    def summary(self) -> str:
        """How much is shown, and how to get at the rest."""
        if self.shown == self.total and not self.cut:
            return f"{self.total:,} {'row' if self.total == 1 else 'rows'}, all of them shown."
        total = f"more than {self.total:,}" if self.cut else f"{self.total:,}"
        left = f"at least {self.total - self.shown:,}" if self.cut else f"{self.total - self.shown:,}"
        return (
            f"{self.shown:,} of {total} rows are shown; {left} were left out. Conclusions about all need "
            "all of them: filter, aggregate or limit in the query, shorten the time range, or raise maxRows."
        )


def table_of(frames: Sequence[Frame], limits: TableLimits) -> Table:
    """The first rows of the frames, whole rows only."""
    total = sum(frame.num_rows for frame in frames)
    blocks: list[str] = []
    shown, left = 0, limits.bytes
    for frame in frames:
        lines = _lines(frame)
        head = next(lines)
        if len(head.encode()) > left:
            break
        block, left = [head], left - len(head.encode())
        for line in lines:
            size = len(line.encode())
            if shown >= limits.rows or size > left:
                break
            block.append(line)
            shown, left = shown + 1, left - size
        blocks.append("".join(block))
        if shown >= limits.rows or left <= 0:
            break
    return Table("\n".join(blocks), shown, total, any(frame.truncated for frame in frames))


def lines_of(title: str, texts: Sequence[str]) -> str:
    """A block of one column."""
    return "".join(_line([_cell(text)]) for text in (title, *texts))


def _lines(frame: Frame) -> Iterator[str]:
    """The header, then the rows, as lines of CSV that no cell can break."""
    yield _line([_title(field) for field in frame.fields])
    for batch in frame.table.to_batches(max_chunksize=256):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield _line([_cell(value) for value in row])


def _title(field: Field) -> str:
    if not field.labels:
        return _cell(field.name)
    labels = ", ".join(f"{name}={value}" for name, value in field.labels.items())
    return _cell(f"{field.name} {{{labels}}}")


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    text = value if isinstance(value, str) else str(value)
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… ({len(text):,} characters)"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
