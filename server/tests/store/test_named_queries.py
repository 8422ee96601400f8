"""Named queries in the database of the store, on every kind of database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from attrs import evolve

from headwater import Headwater
from headwater.errors import (
    HeadwaterError,
    NamedQueryExistsError,
    NamedQueryNotFoundError,
    NamedQueryVersionConflictError,
)
from headwater.queries.named import KEPT_VERSIONS, NamedQuery, named_query_from
from headwater_server.store import SqlStore

REVENUE = named_query_from(
    {
        "id": "Revenue",
        "title": "Umsatz in Zürich 🦆",
        "datasource": "shop",
        "query": {"rawSql": "SELECT 'ß\\n\\\\' || :day -- $__x", "format": "table", "params": {"day": 1.5}},
        "parameters": [{"name": "day", "type": "time", "list": True, "default": ["now-1d"]}],
        "limits": {"maxRows": 5},
        "tags": ["sales"],
    }
)


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    with closing(SqlStore.open(store_url)) as store:
        yield store


def version(number: int, title: str = "") -> NamedQuery:
    return evolve(REVENUE, version=number, title=title or REVENUE.title, updated_by=f"user {number}")


def test_what_is_saved_comes_back_as_it_was(store: SqlStore) -> None:
    first, second = version(1), version(2, "Revenue")
    store.named_queries.save(first)
    assert store.named_queries.get("Revenue") == first
    store.named_queries.save(evolve(second, read_only=True))
    assert store.named_queries.versions("Revenue") == [evolve(second, read_only=True), first]
    store.named_queries.save(evolve(version(1), id="revenue"))  # an id is exact
    assert [each.id for each in store.named_queries.list()] == ["Revenue", "revenue"]
    assert store.named_queries.list()[0].version == 2


def test_a_version_follows_the_stored_one(store: SqlStore) -> None:
    with pytest.raises(NamedQueryNotFoundError):
        store.named_queries.save(version(2))
    store.named_queries.save(version(1))
    with pytest.raises(NamedQueryExistsError):
        store.named_queries.save(version(1))
    with pytest.raises(NamedQueryVersionConflictError):
        store.named_queries.save(version(3))
    store.named_queries.delete("Revenue")
    for use in (store.named_queries.get, store.named_queries.versions, store.named_queries.delete):
        with pytest.raises(NamedQueryNotFoundError):
            use("Revenue")


def test_old_versions_are_forgotten(store: SqlStore) -> None:
    for number in range(1, KEPT_VERSIONS + 3):
        store.named_queries.save(version(number))
    versions = store.named_queries.versions("Revenue")
    assert [versions[0].version, versions[-1].version] == [KEPT_VERSIONS + 2, 3]


def test_of_two_changes_at_once_one_is_refused(store: SqlStore) -> None:
    store.named_queries.save(version(1))
    outcomes: list[str] = []

    def save(title: str) -> None:
        try:
            store.named_queries.save(version(2, title))
            outcomes.append("saved")
        except HeadwaterError as error:
            outcomes.append(error.message_id)

    threads = [threading.Thread(target=save, args=(f"title {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["namedQuery.versionConflict"] * 3 + ["saved"]


def test_a_host_keeps_them_there(store: SqlStore) -> None:
    with Headwater(store, named_query_store=store.named_queries, allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source("shop", type="testdata", uid="shop")
        headwater.named_queries.add(
            named_query_from({"id": "walk", "datasource": "shop", "query": {"scenario": "random_walk"}}), "me"
        )
        assert headwater.run("walk").num_rows
    assert store.named_queries.get("walk").updated_by == "me"
