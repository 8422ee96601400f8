"""A store that cannot do what it is asked says so in a sentence, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, text

from headwater.datasources import AddDataSource, DataSource, DataSourceService
from headwater.errors import StoreError, StoreLockedError
from headwater.secrets import InMemoryKeySource
from headwater_server.store import SqlStore
from servers.postgresql import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "headwater.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    store = SqlStore.open(f"sqlite:///{path}", lock_timeout=0.1)
    yield store
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_store_that_another_process_keeps_locked_is_reported_as_such(
    new_url: Callable[[str], str], kind: str
) -> None:
    url = new_url(kind)
    holder, store = SqlStore.open(url), SqlStore.open(url, lock_timeout=0.1)
    with (
        holder._transactions.write(),
        pytest.raises(StoreLockedError, match="locked by another process") as caught,
    ):
        store.add(DataSource(uid="one", name="one", type="t"))

    assert caught.value.retryable
    assert caught.value.status == 503
    assert store.list() == []
    store.add(DataSource(uid="one", name="one", type="t"))
    for each in (holder, store):
        each.close()


def test_readers_are_not_held_up_by_a_writer(store: SqlStore, path: Path) -> None:
    store.add(DataSource(uid="one", name="one", type="t"))
    with sqlite3.connect(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM headwater_data_source")

        assert store.get_by_uid("one").name == "one"
        writer.rollback()
    writer.close()


def test_a_full_disk_is_reported_and_leaves_the_data_source_as_it_was(store: SqlStore) -> None:
    service = DataSourceService.with_keys(store, [InMemoryKeySource()])
    before = service.add(AddDataSource(type="t", uid="one", secure_json_data={"password": "p"}))

    @event.listens_for(store.engine, "begin")
    def no_more_pages(connection):  # type: ignore[no-untyped-def]
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match="disk of the store is full; nothing was changed"):
        service.add(AddDataSource(type="t", uid="two", secure_json_data={"certificate": "x" * 200_000}))

    assert [each.uid for each in store.list()] == ["one"]
    assert store.get_by_uid("one") == before
    assert service.decrypt(before)["password"].reveal() == "p"


NO_ROOM = """
import resource, sys
from headwater.errors import StoreError
from headwater_server.store import SqlStore

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # less than the index of the write-ahead log
try:
    SqlStore.open("sqlite:///" + sys.argv[1])
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of file sizes are POSIX's")
def test_a_disk_without_room_for_the_logs_index_is_full(store: SqlStore, path: Path) -> None:
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "The disk of the store is full; nothing was changed."


def test_a_store_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to look like one" * 100)

    with pytest.raises(StoreError, match="not a database"):
        SqlStore.open(f"sqlite:///{path}")


def test_a_damaged_json_column_names_its_data_source(store: SqlStore) -> None:
    store.add(DataSource(uid="one", name="one", type="t"))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE headwater_data_source SET json_data = '{'"))

    with pytest.raises(StoreError, match="jsonData of data source 'one' is damaged"):
        store.get_by_uid("one")


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing" / "x.db"):
        with pytest.raises(StoreError, match=str(place)):
            SqlStore.open(f"sqlite:///{place}")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_file_belongs_to_its_owner_alone(store: SqlStore, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["", "nonsense", "oracle://user:hunter22@host/db", "http://hunter22@host"])
def test_a_url_of_another_kind_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite://, postgresql://") as caught:
        SqlStore.open(url)
    assert "hunter22" not in str(caught.value)


def test_a_server_that_is_not_there_is_reported_without_the_password() -> None:
    for url in ("postgresql://u:hunter22@127.0.0.1:1/x", "mysql://u:hunter22@127.0.0.1:1/x"):
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            SqlStore.open(url)
        assert caught.value.status == 503
        assert "hunter22" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_refused_login_is_told_from_a_server_that_is_down(postgresql: PostgresServer) -> None:
    with pytest.raises(StoreError, match="user name or password") as caught:
        SqlStore.open(f"postgresql://nobody:hunter22@127.0.0.1:{postgresql.port}/postgres")
    assert "hunter22" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_cut_connection_is_replaced(postgresql: PostgresServer) -> None:
    store = SqlStore.open(postgresql.new_database("cut"))
    store.add(DataSource(uid="one", name="one", type="t"))
    postgresql.drop_connections()

    assert store.get_by_uid("one").uid == "one"
    store.close()


def test_no_statement_of_the_store_shows_its_parameters(store: SqlStore) -> None:
    with store.engine.connect() as connection, pytest.raises(Exception, match="hidden") as caught:
        connection.execute(text("SELECT :secret FROM nowhere"), {"secret": "hunter22"})
    assert "hunter22" not in str(caught.value)


def test_a_store_that_is_closed_while_it_is_used_keeps_no_connection(path: Path) -> None:
    store = SqlStore.open(f"sqlite:///{path}")
    with store.engine.connect() as used:
        store.close()
        used.execute(text("SELECT 1"))
    assert store.revision() == 0  # who asks later is answered, too

    opened = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [each for each in opened if each.parent == path.parent]
