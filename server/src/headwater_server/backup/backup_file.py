"""The file of a backup: gzip over lines of JSON, of which the last has the counts and the checksum."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from attrs import frozen
from sqlalchemy import Engine, LargeBinary, Table, select

from headwater.errors import StoreError, ValidationError
from headwater_server.store import tables
from headwater_server.store.engine import reader_of, store_errors
from headwater_server.store.schema import current_version, known_versions

from .whole_file import write_whole

FORMAT = "headwater-backup"
VERSION = 1
LEFT_OUT = frozenset({tables.session.name})
"""Who is signed in on the page signs in again."""
_LONGEST_LINE = 256 * 1024 * 1024

Row = tuple[str, dict[str, Any]]


@frozen
class Backup:
    """What is in a file whose checksum, counts and schema were found good."""

    path: Path
    schema: str
    made: str
    revision: int
    counts: Mapping[str, int]
    checksum: str

    def rows(self) -> Iterator[Row]:
        """The name of a table and a row of it, in an order in which they can be inserted."""
        for line in _lines(self.path):
            if isinstance(line, list):
                name, values = line
                yield name, values


def kept_tables() -> list[Table]:
    """Tables before those that refer to them."""
    return [table for table in tables.metadata.sorted_tables if table.name not in LEFT_OUT]


def write_backup(engine: Engine, path: Path) -> Backup:
    """Write one state of the store: hosts may go on writing. An interrupted one leaves no file.

    Raises StoreError, OSError.
    """
    digest, counts = hashlib.sha256(), Counter[str]()
    with store_errors(), reader_of(engine).begin() as connection, write_whole(path) as raw:
        schema = current_version(connection)
        revision = connection.execute(select(tables.revision.c.value)).scalar_one()
        made = datetime.now(UTC).isoformat(timespec="seconds")
        head = {"format": FORMAT, "version": VERSION, "schema": schema, "made": made, "revision": revision}
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
            _write(file, head, digest)
            for table in kept_tables():
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings():
                    _write(
                        file, [table.name, {str(key): _plain(value) for key, value in row.items()}], digest
                    )
                    counts[str(table.name)] += 1
            _write(file, {"counts": dict(counts), "sha256": digest.hexdigest()}, hashlib.sha256())
    return Backup(path, str(schema), made, revision, dict(counts), digest.hexdigest())


def read_backup(path: Path) -> Backup:
    """Read all of the file, and check it. Raises ValidationError that says what is wrong with it."""
    digest, counts = hashlib.sha256(), Counter[str]()
    head: dict[str, Any] = {}
    end: dict[str, Any] = {}
    for line in _lines(path):
        if end:
            raise _damaged(path, "it goes on behind its end")
        if not head:
            head = _checked_head(path, line)
        elif isinstance(line, dict):
            end = line
            continue
        else:
            counts[_checked_row(path, line)] += 1
        digest.update(orjson.dumps(line))
    if end.get("sha256") != digest.hexdigest() or end.get("counts") != dict(counts):
        raise _damaged(path, "its checksum or its counts differ" if end else "its end is missing")
    return Backup(path, head["schema"], head["made"], head["revision"], dict(counts), digest.hexdigest())


def decoded(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row as `table` takes it: bytes are base64 in the file."""
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    return {
        key: base64.b64decode(value) if key in binary and value is not None else value
        for key, value in values.items()
    }


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


def _write(file: BinaryIO | gzip.GzipFile, line: object, digest: Any) -> None:
    data = orjson.dumps(line)
    digest.update(data)
    file.write(data + b"\n")


def _lines(path: Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield orjson.loads(line)
    except (EOFError, zlib.error, ValueError) as error:
        raise _damaged(path, f"it cannot be read to its end: {error}") from error
    except gzip.BadGzipFile:
        raise ValidationError("is no backup of Headwater, or was damaged", path=str(path)) from None
    except OSError as error:
        raise ValidationError(f"cannot be read: {error.strerror}", path=str(path)) from error


def _checked_head(path: Path, line: Any) -> dict[str, Any]:
    if not isinstance(line, dict) or line.get("format") != FORMAT:
        raise ValidationError("is no backup of Headwater", path=str(path))
    if line.get("version") != VERSION or line.get("schema") not in known_versions():
        raise StoreError(
            f"{path} was made by a newer Headwater (schema {line.get('schema')}; this version knows up to "
            f"{known_versions()[-1]}). Upgrade Headwater."
        )
    return line


def _checked_row(path: Path, line: Any) -> str:
    match line:
        case [str() as name, dict()] if name in tables.metadata.tables and name not in LEFT_OUT:
            return name
    raise _damaged(path, "a line is no row of a table")


def _damaged(path: Path, why: str) -> ValidationError:
    return ValidationError(f"was damaged or changed: {why}. Nothing was restored", path=str(path))
