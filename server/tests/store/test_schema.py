"""Bringing a database to the current schema: once, completely, and never downwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text

import headwater_server.store.migrations
from headwater.datasources import DataSource
from headwater.errors import StoreError
from headwater_server.store import SqlStore, tables
from headwater_server.store.engine import open_engine
from headwater_server.store.schema import VERSION_TABLE, current_version, known_versions, upgrade

DIE_WHILE_MIGRATING = """
import os, signal, sys
from sqlalchemy import event
from headwater_server.store.engine import open_engine
from headwater_server.store.schema import upgrade

engine = open_engine(sys.argv[1], lock_timeout=10)
left = int(sys.argv[2])

@event.listens_for(engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    if statement.lstrip().upper().startswith(("CREATE", "INSERT", "UPDATE")):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

upgrade(engine)
print("finished")
"""


def version_of(url: str) -> str | None:
    engine = open_engine(url, lock_timeout=1)
    with engine.connect() as connection:
        version = current_version(connection)
    engine.dispose()
    return version


def test_the_known_versions_are_the_migrations_that_are_shipped() -> None:
    scripts = ScriptDirectory(str(Path(*headwater_server.store.migrations.__path__)))

    assert scripts.get_current_head() == known_versions()[-1]
    assert sorted(script.revision for script in scripts.walk_revisions()) == known_versions()


def test_a_new_database_gets_the_tables_that_the_code_expects(store_url: str) -> None:
    store = SqlStore.open(store_url)
    with store.engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": False}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
        version = current_version(connection)
    store.close()

    assert differences == []
    assert version == known_versions()[-1]


def test_opening_again_keeps_everything(store_url: str) -> None:
    store = SqlStore.open(store_url)
    added = store.add(DataSource(uid="one", name="one", type="t"))
    store.close()

    again = SqlStore.open(store_url)
    assert again.get_by_uid("one") == added
    again.close()


def test_a_schema_from_a_newer_version_is_refused_and_untouched(store_url: str, tmp_path: Path) -> None:
    store = SqlStore.open(store_url)
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    store.close()
    files = {path: path.read_bytes() for path in tmp_path.glob("*.db")}

    with pytest.raises(
        StoreError, match=rf"newer Headwater \(schema 9999; .* up to {known_versions()[-1]}\)"
    ):
        SqlStore.open(store_url)

    assert version_of(store_url) == "9999"
    assert {path: path.read_bytes() for path in files} == files


def test_processes_that_open_a_new_database_together_agree(store_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: SqlStore.open(store_url), range(4)))

    assert {store.revision() for store in stores} == {0}
    for store in stores:
        store.close()


def test_mariadb_is_locked_until_its_migrations_are_committed(new_url: Callable[[str], str]) -> None:
    """Who came in before took the last one for missing."""
    url = new_url("mariadb")
    engine, other = open_engine(url, lock_timeout=1), open_engine(url, lock_timeout=1)
    free: list[int] = []

    @event.listens_for(engine, "commit")
    def look(_: object) -> None:
        with other.connect() as connection:
            free.append(connection.execute(text("SELECT IS_FREE_LOCK('headwater_schema')")).scalar_one())

    upgrade(engine)
    assert free[-1] == 0
    for each in (engine, other):
        each.dispose()


@pytest.mark.parametrize("statement", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_migration_that_was_killed_is_taken_up_again(
    new_url: Callable[[str], str], kind: str, statement: int
) -> None:
    url = new_url(kind)
    killed = subprocess.run(
        [sys.executable, "-c", DIE_WHILE_MIGRATING, url, str(statement)], capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert version_of(url) is None

    store = SqlStore.open(url)
    store.add(DataSource(uid="one", name="one", type="t"))
    assert (store.revision(), version_of(url)) == (1, known_versions()[-1])
    store.close()


def test_a_database_that_is_current_is_opened_without_the_migration_tool(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    SqlStore.open(url).close()
    code = f"import sys; from headwater_server.store import SqlStore; SqlStore.open({url!r}).close()"

    subprocess.run([sys.executable, "-c", f"{code}; assert 'alembic' not in sys.modules"], check=True)
