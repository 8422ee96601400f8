"""Records and rows as a table: drawn by rich on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import click

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    9: "\\t",
    10: "\\n",
    13: "\\r",
}


def print_records(records: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Records with the same keys: a JSON list, or a table. `empty` goes to stderr when there are none."""
    if as_json:
        import orjson

        click.echo(orjson.dumps(list(records), option=orjson.OPT_INDENT_2, default=str))
    elif records:
        headers = list(records[0])
        print_table(headers, [[_text(record[key]) for key in headers] for record in records])
    elif empty:
        click.echo(empty, err=True)


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str | None]], *, numeric: Sequence[bool] | None = None
) -> None:
    """Cells of text, None shown as NULL. Control characters are escaped: they could steer a terminal."""
    numeric = numeric or [False] * len(headers)
    titles = [printable(header) for header in headers]
    cells = [[None if cell is None else printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(titles, cells, numeric)
    else:
        _write(titles, [["NULL" if cell is None else cell for cell in row] for row in cells], numeric)


def printable(text: str) -> str:
    return text.translate(_ESCAPES)


def _draw(titles: Sequence[str], rows: Sequence[Sequence[str | None]], numeric: Sequence[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title, is_number in zip(titles, numeric, strict=True):
        table.add_column(Text(title), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if cell is None else Text(cell) for cell in row))
    Console().print(table)


def _write(titles: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    widths = [max(map(_width, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, ["-" * width for width in widths], *rows):
        padded = (
            " " * (width - _width(cell)) + cell if is_number else cell + " " * (width - _width(cell))
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def _width(text: str) -> int:
    """Columns a terminal takes for `text`: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
