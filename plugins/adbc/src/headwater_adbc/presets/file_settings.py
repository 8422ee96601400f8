"""Settings of databases that are files of the host's machine."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG
from typing import ClassVar, Final

from attrs import frozen

from headwater.errors import ValidationError
from headwater.sdk import field
from headwater_adbc.settings import AdbcSettings

FOLDERS: Final = "HEADWATER_DATABASE_FOLDERS"


@frozen(kw_only=True)
class SQLiteSettings(AdbcSettings):
    """The data source's `url` is the file's path."""

    preset: ClassVar[str] = "headwater_adbc.presets.sqlite:SQLite"


@frozen(kw_only=True)
class DuckDBSettings(AdbcSettings):
    """The data source's `url` is the file's path, or `:memory:` for queries of `folders` only."""

    preset: ClassVar[str] = "headwater_adbc.presets.duckdb:DuckDB"

    folders: tuple[Path, ...] = field(
        (), doc="Folders whose files queries may read, such as Parquet and CSV. None by default."
    )
    threads: int = field(0, minimum=0, lenient=True, doc="Threads of the engine; 0 for one for each core.")
    memory_limit: str = field("", pattern=r"^(\d+(\.\d+)? ?[KMGT]i?B)?$", doc="Such as 2GB; empty for 80 %.")


def database_file(url: str) -> Path:
    """The database's file, which exists and lies where the operator allows. Raises ValidationError."""
    path = Path(url.removeprefix("file://"))
    if "\0" in url or not path.is_absolute():
        raise ValidationError("expected the absolute path of the database's file", path="url")
    try:
        path = allowed(path, "url")
        found = S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        found = False
    except (OSError, RuntimeError) as error:  # a name too long, a folder that is closed, links in a circle
        raise ValidationError("the path cannot be followed on the host's machine", path="url") from error
    if not found:
        raise ValidationError("there is no such file on the host's machine", path="url")
    return path


def allowed(path: Path, where: str) -> Path:
    """`path` without links, if it lies in one of the folders that the operator allows, where he names any."""
    path = path.resolve()
    folders = [Path(each).resolve() for each in os.environ.get(FOLDERS, "").split(os.pathsep) if each]
    if folders and not any(path.is_relative_to(folder) for folder in folders):
        raise ValidationError(f"lies outside the folders that {FOLDERS} allows", path=where)
    return path
