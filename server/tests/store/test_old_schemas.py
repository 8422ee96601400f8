"""A store that an older version made: it opens, is brought up to date, and keeps every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select, text

from headwater.datasources import DataSource
from headwater_server.auth.sql_tokens import SqlTokenStore
from headwater_server.store import SqlStore
from headwater_server.store.engine import open_engine, writer_of
from headwater_server.store.schema import current_version, known_versions, upgrade

#: What each revision brought, as the version of then wrote it. A new revision adds its rows here.
ROWS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "0001": {
        "headwater_data_source": {
            "id": 7, "org_id": 1, "uid": "shop", "name": "Shop Ä", "type": "mysql", "access": "proxy",
            "url": "db.example:3306", "login": "reader", "database_name": "shop", "basic_auth": False,
            "basic_auth_user": "", "with_credentials": False, "is_default": True, "read_only": False,
            "api_version": "", "json_data": '{"maxOpenConns": 5}', "version": 3, "revision": 12,
            "created": 1_700_000_000_000_001, "updated": 1_700_000_000_000_002,
        },
        "headwater_data_key": {
            "data_source_id": 7, "dek_id": "ab" * 16, "kek_id": "k2023-1", "wrapped": b"\x01\x00\xff",
        },
        "headwater_secret": {"data_source_id": 7, "name": "password", "record": b"\x01\x00\xfe"},
        "headwater_encryption_key": {
            "id": "k2023-1", "state": "active", "check_record": b"\x00\x01", "created": 1_700_000_000_000_000,
        },
    },
    "0002": {
        "headwater_api_token": {
            "id": 3, "name": "grafana", "digest": "cd" * 32, "role": "Viewer", "scopes": "[]",
            "created": 1_700_000_000_000_003, "expires": None, "last_used": 1_700_000_000_000_004,
            "revoked": None,
        },
    },
    "0003": {
        "headwater_named_query": {
            "query_id": "orders", "version": 2, "body": "{}", "read_only": False,
            "created": 1_700_000_000_000_005, "updated": 1_700_000_000_000_006, "updated_by": "ada",
        },
    },
    "0004": {
        "headwater_session": {
            "digest": "ef" * 32, "subject": "ada", "name": "Ada", "groups_json": "[]",
            "created": 1_700_000_000_000_007, "expires": 1_700_000_000_000_008,
        },
    },
}  # fmt: skip


def rows_up_to(revision: str) -> dict[str, Mapping[str, Any]]:
    return {name: row for at, tables in ROWS.items() if at <= revision for name, row in tables.items()}


def test_every_revision_has_rows_to_keep() -> None:
    assert sorted(ROWS) == known_versions()


@pytest.mark.parametrize("revision", sorted(ROWS))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_store_of_an_old_revision_opens_and_keeps_its_rows(
    new_url: Callable[[str], str], kind: str, revision: str
) -> None:
    url, rows = new_url(kind), rows_up_to(revision)
    make_old(url, revision, rows)

    store = SqlStore.open(url)
    try:
        found = store.list()[0]
        tokens = SqlTokenStore(store.engine).list()
        added = store.add(DataSource(uid="new", name="new", type="t"))
        kept = read_back(store, rows)
        with store.engine.connect() as connection:
            version = current_version(connection)
    finally:
        store.close()

    assert version == known_versions()[-1]
    assert kept == {name: dict(row) for name, row in rows.items()}
    assert (found.uid, found.name, found.user, found.json_data) == (
        "shop",
        "Shop Ä",
        "reader",
        {"maxOpenConns": 5},
    )
    assert [token.name for token in tokens] == (["grafana"] if revision >= "0002" else [])
    assert (added.id, added.revision) == (8, 13)


def make_old(url: str, revision: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A store as the version of `revision` left it."""
    engine = open_engine(url, lock_timeout=1)
    upgrade(engine, to=revision)
    old = MetaData()
    with writer_of(engine).begin() as connection:
        old.reflect(connection)
        for name, row in rows.items():
            connection.execute(insert(old.tables[name]), row)
        connection.execute(text("UPDATE headwater_revision SET value = 12"))
        if connection.dialect.name == "postgresql":  # where numbers are counted apart from rows
            connection.execute(text("SELECT setval('headwater_data_source_id_seq', 7)"))
    engine.dispose()


def read_back(store: SqlStore, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    new, found = MetaData(), {}
    with store.engine.connect() as connection:
        new.reflect(connection)
        for name, row in rows.items():
            table = new.tables[name]
            columns = [table.c[key] for key in row]
            mapping = connection.execute(select(*columns).order_by(*table.primary_key)).mappings().first()
            assert mapping is not None
            found[name] = {key: _plain(row[key], value) for key, value in mapping.items()}
    return found


def _plain(written: object, value: Any) -> Any:
    """Databases without booleans have numbers, and some drivers their own kind of bytes."""
    if isinstance(written, bool):
        return bool(value)
    return bytes(value) if isinstance(written, bytes) else value
