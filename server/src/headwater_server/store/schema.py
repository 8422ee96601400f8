"""Brings a database to the schema this version knows, or refuses one that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from headwater.errors import StoreError, StoreLockedError

from .engine import store_errors, writer_of

VERSION_TABLE = "headwater_schema"
_LOCK_NAME = "headwater_schema"
_LOCK_NUMBER = 0x6865616477617465  # PostgreSQL's advisory locks are numbers; this one spells "headwate"


def known_versions() -> list[str]:
    """The revisions that this version ships, oldest first: the numbers before the names of the migration
    files."""
    versions = resources.files(__package__).joinpath("migrations", "versions")
    return sorted(file.name.split("_")[0] for file in versions.iterdir() if file.name[:1].isdigit())


def current_version(connection: Connection) -> str | None:
    """The revision of the database; None before the first migration has ended."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)


def upgrade(engine: Engine, to: str = "head") -> None:
    """Runs the migrations that are missing. One process does, others wait; a killed one is taken up again.

    `to` stops at an older revision. Raises StoreError for a schema from a newer version, before anything is
    changed.
    """
    with store_errors():
        with engine.begin() as connection:
            if _is_current(connection):
                return
        with _alone(engine), writer_of(engine).begin() as connection:
            if connection.dialect.name == "postgresql":  # whose lock ends with the transaction
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
            if not _is_current(connection):
                _migrate(connection, to)


def _is_current(connection: Connection) -> bool:
    version, known = current_version(connection), known_versions()
    if version is not None and version not in known:
        raise StoreError(
            f"The store was written by a newer Headwater (schema {version}; this version knows up to "
            f"{known[-1]}). It was left as it is; upgrade Headwater."
        )
    return version == known[-1]


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """One migration at a time in MySQL, until its transaction has ended: the lock is the session's. SQLite's
    write transaction is enough, and PostgreSQL has locks of transactions."""
    if engine.dialect.name in ("postgresql", "sqlite"):
        yield
        return
    with engine.connect() as connection:
        got = connection.execute(text("SELECT GET_LOCK(:name, 60)"), {"name": _LOCK_NAME}).scalar()
        if got != 1:
            raise StoreLockedError("Another process is changing the store's schema; try again.")
        try:
            yield
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK_NAME})


def _migrate(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    with resources.as_file(resources.files(__package__).joinpath("migrations")) as scripts:
        config = Config()
        config.set_main_option("script_location", str(Path(scripts)).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, to)
