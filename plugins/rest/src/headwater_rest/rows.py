"""From an answer's bytes to rows: JSON pages, JSON lines, CSV."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from headwater.errors import DownstreamProtocolError, DownstreamServerError, LimitExceededError
from headwater.sdk.http import HttpResponse, excerpt

from .selectors import select
from .settings import Endpoint

Rows: TypeAlias = list[Any]
_BLOCK_ROWS = 8192
_FIRST_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=[.\[]|\Z)")


def read_document(response: HttpResponse, page: int, *, exact: bool) -> Any:
    """The JSON of a page. `exact`: numbers with a point become Decimal. Raises DownstreamProtocolError."""
    try:
        body = response.read()
    except LimitExceededError as error:
        raise LimitExceededError(
            f"Page {page} is too large. {error} Ask for smaller pages, or raise maxPageBytes."
        ) from error
    return _decode(body.removeprefix(BOM_UTF8), f"Page {page}", exact=exact)


def rows_of(document: Any, endpoint: Endpoint, page: int) -> Rows:
    """The rows in a page. Raises DownstreamServerError for the error that it reports."""
    if endpoint.error_selector and (said := select(endpoint.error_selector, document)):
        text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
        raise DownstreamServerError(f"The API reports an error: {excerpt(text)}")
    found = select(endpoint.data_selector, document)
    if isinstance(found, list):
        return found
    first = _FIRST_KEY.match(endpoint.data_selector)
    if found is None and first and not (isinstance(document, dict) and first[0] in document):
        keys = ", ".join(document)[:200] if isinstance(document, dict) else "no keys"
        raise DownstreamProtocolError(
            f"Page {page} has nothing at dataSelector {endpoint.data_selector!r}; it has {keys}."
        )
    return [] if found is None else [found]


def stream_lines(response: HttpResponse, most: int, *, exact: bool) -> Generator[Rows, None, None]:
    """JSON lines, some thousand at a time. `most`: bytes of a line."""
    block: Rows = []
    for number, line in enumerate(_lines(response, most), 1):
        if line.strip():
            block.append(_decode(line, f"Line {number}", exact=exact))
        if len(block) == _BLOCK_ROWS:
            yield block
            block = []
    yield block


def stream_csv(response: HttpResponse, most: int) -> Generator[Rows, None, None]:
    """CSV with a header line, some thousand rows at a time; empty cells are null."""
    reader = csv.reader(_texts(response, most), strict=True)
    try:
        header = next(reader, [])
        if twice := [name for name, count in Counter(header).items() if count > 1]:
            raise DownstreamProtocolError(f"The CSV has two columns called {twice[0][:80]!r}.")
        block: Rows = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise DownstreamProtocolError(
                    f"Line {reader.line_num} of the CSV has {len(row)} cells, its header has {len(header)}."
                )
            block.append({name: cell or None for name, cell in zip(header, row, strict=True)})
            if len(block) == _BLOCK_ROWS:
                yield block
                block = []
        yield block
    except csv.Error as error:
        raise DownstreamProtocolError(f"Line {reader.line_num} is not CSV: {error}.") from error


def _texts(response: HttpResponse, most: int) -> Iterator[str]:
    for number, line in enumerate(_lines(response, most), 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8") + "\n"
        except UnicodeDecodeError as error:
            raise DownstreamProtocolError(f"Line {number} is not UTF-8.") from error


def _lines(response: HttpResponse, most: int) -> Iterator[bytes]:
    rest = bytearray()  # grows in place, however small the pieces are
    for chunk in response.stream_chunks():
        first, *others = chunk.split(b"\n")
        rest += first
        if others:
            yield bytes(rest)
            yield from others[:-1]
            rest = bytearray(others[-1])
        if len(rest) > most:
            raise LimitExceededError(f"A line of the answer is longer than {most:,} bytes (maxPageBytes).")
    if rest:
        yield bytes(rest)


def _decode(text: bytes, what: str, *, exact: bool) -> Any:
    hook: Callable[[str], Any] | None = Decimal if exact else None
    try:
        return msgspec.json.Decoder(float_hook=hook).decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        start = excerpt(text[:80].decode("utf-8", "replace"))
        raise DownstreamProtocolError(f"{what} is not JSON ({error}). It begins with: {start}") from error
