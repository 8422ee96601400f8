"""Backups: a store in a file, and back into a store of any engine."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import select

from headwater import Headwater
from headwater.datasources import DataSource
from headwater.errors import EncryptionKeyError, StoreError, ValidationError
from headwater.secrets import DirectoryKeySource, KeyRing
from headwater_server.auth.sql_tokens import SqlTokenStore
from headwater_server.auth.token_store import ApiToken
from headwater_server.backup import read_backup, read_keys, restore, restore_keys, write_backup, write_keys
from headwater_server.backup.backup_file import LEFT_OUT, kept_tables
from headwater_server.store import SqlStore, tables
from headwater_server.store.schema import known_versions

NewUrl = Callable[[str], str]
PASSWORD = "correct horse battery staple"

KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from headwater_server.backup import backup_file, read_backup, restore, write_backup
from headwater_server.store import SqlStore

what, url, file, left = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])

def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

store = SqlStore.open(url)
if what == "backup":
    write = backup_file._write
    backup_file._write = lambda *line: (count(), write(*line))
    write_backup(store.engine, file)
else:
    event.listen(store.engine, "after_cursor_execute", count)
    restore(store.engine, read_backup(file))
"""


@contextmanager
def opened(url: str) -> Iterator[SqlStore]:
    store = SqlStore.open(url)
    try:
        yield store
    finally:
        store.close()


def fill(url: str, keys: Path) -> None:
    """A store as hosts use it: secrets, a named query, a token."""
    with (
        opened(url) as store,
        Headwater(
            store, named_query_store=store.named_queries, key_sources=[DirectoryKeySource(keys)],
            allow_plugins={"testdata"},
        ) as headwater,
    ):  # fmt: skip
        headwater.add_data_source("demo", type="testdata", uid="demo", json_data={"seed": 2**53 - 1})
        headwater.add_data_source(
            "Shop Ä", type="testdata", uid="shop", secure_json_data={"apiKey": PASSWORD}
        )
        SqlTokenStore(store.engine).add(ApiToken("grafana", b"\x01" * 32, None, ()))


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows, without what every restore counts on."""
    with opened(url) as store, store.engine.connect() as connection:
        return {
            table.name: [
                {key: bytes(value) if isinstance(value, memoryview) else value for key, value in row.items()}
                | ({"revision": None} if "revision" in row else {})
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in kept_tables()
            if table is not tables.revision
        }


def rewritten(file: Path, change: Callable[[list[Any]], None]) -> Path:
    """The file with other lines, and a checksum and counts that fit them."""
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    data = [json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() for line in lines[:-1]]
    names = [line[0] for line in lines[1:-1]]
    end = {
        "counts": {name: names.count(name) for name in names},
        "sha256": hashlib.sha256(b"".join(data)).hexdigest(),
    }
    changed = file.with_name("rewritten")
    changed.write_bytes(gzip.compress(b"\n".join([*data, json.dumps(end).encode()]) + b"\n"))
    return changed


@pytest.fixture
def saved(new_url: NewUrl, tmp_path: Path) -> Path:
    """A backup of a store in SQLite; its keys are in `keys` beside it."""
    url = new_url("sqlite")
    fill(url, tmp_path / "keys")
    with opened(url) as store:
        write_backup(store.engine, tmp_path / "store.backup")
    return tmp_path / "store.backup"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite"),
        ("postgresql", "mariadb"), ("mariadb", "postgresql"),
    ],
)  # fmt: skip
def test_a_store_moves_to_another_engine(new_url: NewUrl, tmp_path: Path, source: str, target: str) -> None:
    old, new, file, keys = new_url(source), new_url(target), tmp_path / "store.backup", tmp_path / "keys"
    fill(old, keys)
    with opened(old) as store:
        written = write_backup(store.engine, file)

    found = read_backup(file)
    with opened(new) as store:
        restore(store.engine, found)
        with Headwater(
            store, key_sources=[DirectoryKeySource(keys)], allow_plugins={"testdata"}
        ) as headwater:
            secrets = headwater.data_sources.decrypt(store.get_by_uid("shop"))
            headwater.add_data_source("another", type="testdata", uid="another")
        numbers = [each.id for each in store.list()]

    assert found == written
    assert secrets["apiKey"].reveal() == PASSWORD
    assert len(set(numbers)) == 3
    restored = rows_of(new)
    restored["headwater_data_source"] = [
        row for row in restored["headwater_data_source"] if row["uid"] != "another"
    ]
    assert restored == rows_of(old)


def test_every_table_is_kept_or_left_out_on_purpose() -> None:
    assert {table.name for table in kept_tables()} | LEFT_OUT == set(tables.metadata.tables)
    assert {"headwater_session"} == LEFT_OUT


def test_only_its_owner_may_read_it_and_no_secret_is_in_it(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert PASSWORD.encode() not in gzip.decompress(saved.read_bytes())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_it_has_one_state_while_others_write(new_url: NewUrl, tmp_path: Path, kind: str) -> None:
    url, end = new_url(kind), threading.Event()

    def write() -> None:  # one data source with each revision
        with opened(url) as store:
            for number in range(10_000):
                if end.is_set():
                    return
                store.add(DataSource(uid=f"u{number}", name=f"n{number}", type="t"))

    writer = threading.Thread(target=write)
    with opened(url) as store:
        writer.start()
        try:
            backups = [write_backup(store.engine, tmp_path / f"{number}") for number in range(10)]
        finally:
            end.set()
            writer.join()

    assert [each.counts.get("headwater_data_source", 0) for each in backups] == [
        each.revision for each in backups
    ]
    assert [read_backup(each.path) for each in backups] == backups


@pytest.mark.parametrize("line", [1, 3, 6])
def test_a_killed_backup_leaves_the_one_before(
    new_url: NewUrl, tmp_path: Path, saved: Path, line: int
) -> None:
    url, before = new_url("sqlite"), saved.read_bytes()
    fill(url, tmp_path / "other-keys")

    run = [sys.executable, "-c", KILLED, "backup", url, str(saved), str(line)]
    assert subprocess.run(run, check=False, capture_output=True).returncode == -9

    assert saved.read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_killed_restore_leaves_the_store_empty(new_url: NewUrl, saved: Path, kind: str) -> None:
    url = new_url(kind)
    SqlStore.open(url).close()
    for statement in (12, 20, 24):
        run = [sys.executable, "-c", KILLED, "restore", url, str(saved), str(statement)]
        assert subprocess.run(run, check=False, capture_output=True).returncode == -9

    with opened(url) as store:
        restore(store.engine, read_backup(saved))

        assert [each.uid for each in store.list()] == ["demo", "shop"]


def test_a_store_with_something_in_it_is_refused_and_stays(new_url: NewUrl, saved: Path) -> None:
    url = new_url("sqlite")
    with opened(url) as store:
        store.add(DataSource(uid="mine", name="mine", type="t"))
        with pytest.raises(StoreError, match=r"not empty \(1 rows of headwater_data_source\)"):
            restore(store.engine, read_backup(saved))
        assert [each.uid for each in store.list()] == ["mine"]

        restore(store.engine, read_backup(saved), replace=True)

        assert [each.uid for each in store.list()] == ["demo", "shop"]


def test_hosts_that_run_take_what_they_remember_for_outdated(new_url: NewUrl, saved: Path) -> None:
    with opened(new_url("sqlite")) as store:
        for number in range(9):
            store.add(DataSource(uid=f"u{number}", name=f"n{number}", type="t"))
        restore(store.engine, read_backup(saved), replace=True)

        assert store.revision() > 9
        assert {each.revision for each in store.list()} == {store.revision()}


@pytest.mark.parametrize("revision", known_versions()[:-1])
def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    new_url: NewUrl, saved: Path, revision: str
) -> None:
    later = {"headwater_api_token": "0002", "headwater_named_query": "0003"}

    def age(lines: list[Any]) -> None:
        lines[0]["schema"] = revision
        lines[1:-1] = [line for line in lines[1:-1] if later.get(line[0], "") <= revision]

    with opened(new_url("sqlite")) as store:
        restore(store.engine, read_backup(rewritten(saved, age)))

        assert [each.uid for each in store.list()] == ["demo", "shop"]
        assert len(SqlTokenStore(store.engine).list()) == (revision >= "0002")


def test_one_of_a_newer_schema_is_refused(saved: Path) -> None:
    newer = rewritten(saved, lambda lines: lines[0].update(schema="9999"))

    with pytest.raises(StoreError, match=r"made by a newer Headwater \(schema 9999"):
        read_backup(newer)


def test_a_changed_line_is_found(saved: Path, tmp_path: Path) -> None:
    text = gzip.decompress(saved.read_bytes())
    changed = tmp_path / "changed"
    changed.write_bytes(gzip.compress(text.replace(b'"testdata"', b'"clickhouse"')))

    with pytest.raises(ValidationError, match="checksum or its counts differ"):
        read_backup(changed)


def test_a_missing_line_is_found(saved: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(saved.read_bytes()).splitlines(keepends=True)
    for number in range(len(lines)):
        shorter = tmp_path / "shorter"
        shorter.write_bytes(gzip.compress(b"".join(lines[:number] + lines[number + 1 :])))
        with pytest.raises(ValidationError):
            read_backup(shorter)


def test_no_damage_of_the_file_goes_unseen(saved: Path, tmp_path: Path) -> None:
    """Some bits of a gzip file say nothing of its content: most of its head, those after its last block."""
    data, good, damaged = saved.read_bytes(), read_backup(saved), tmp_path / "damaged"
    positions = random.Random(1)
    for position in positions.sample(range(len(data)), 200):
        damaged.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        with suppress(ValidationError, StoreError):
            assert evolve(read_backup(damaged), path=saved) == good
    for length in positions.sample(range(len(data)), 50):
        damaged.write_bytes(data[:length])
        with pytest.raises((ValidationError, StoreError)):
            read_backup(damaged)
    assert read_backup(saved) == good


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"", b"text", gzip.compress(b""), gzip.compress(b'{"format": "tar"}\n')):
        file.write_bytes(content)
        with pytest.raises(ValidationError):
            read_backup(file)


def test_keys_go_to_a_file_of_their_own_and_back(tmp_path: Path, saved: Path) -> None:
    ring = KeyRing([DirectoryKeySource(tmp_path / "keys")])
    file = tmp_path / "keys.backup"

    kept, missing = write_keys(ring, [*ring.ids(), "elsewhere"], file)
    restored = restore_keys(read_keys(file), tmp_path / "again")

    assert (tuple(kept), missing, tuple(restored)) == (ring.ids(), ["elsewhere"], ring.ids())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = KeyRing([DirectoryKeySource(tmp_path / "again")])
    assert [again.require(each) for each in again.ids()] == [ring.require(each) for each in ring.ids()]
    assert restore_keys(read_keys(file), tmp_path / "again") == [], "they are there"


def test_another_key_by_the_same_id_is_not_replaced(tmp_path: Path, saved: Path) -> None:
    ring = KeyRing([DirectoryKeySource(tmp_path / "keys")])
    write_keys(ring, ring.ids(), tmp_path / "keys.backup")
    other = DirectoryKeySource(tmp_path / "other").create(ring.ids()[0])

    with pytest.raises(EncryptionKeyError, match="another key by the same id"):
        restore_keys(read_keys(tmp_path / "keys.backup"), tmp_path / "other")

    assert DirectoryKeySource(tmp_path / "other").keys() == {other.id: other}


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_file_of_keys_that_others_may_read_is_not_used(tmp_path: Path, saved: Path) -> None:
    ring = KeyRing([DirectoryKeySource(tmp_path / "keys")])
    file = tmp_path / "keys.backup"
    write_keys(ring, ring.ids(), file)
    file.chmod(0o644)

    with pytest.raises(EncryptionKeyError, match="chmod 600"):
        read_keys(file)
