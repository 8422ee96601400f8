"""What every data-source store must do. Subclass `DataSourceStoreContract` and give it a `store` fixture:

```python
class TestMyStore(DataSourceStoreContract):
    @pytest.fixture
    def store(self):
        return MyStore()  # empty
```
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from headwater.datasources import DataSource, DataSourceService, DataSourceStore, UpdateDataSource
from headwater.datasources.commands import AddDataSource
from headwater.datasources.store import ChangeNotifier
from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceVersionConflictError,
    EncryptionKeyError,
)
from headwater.secrets import InMemoryKeySource, KeyRing, KeyState, LocalKey, SecretCipher
from headwater.secrets.cipher import SealedSecrets
from headwater.secrets.key_setup import add_key, prepare_keys
from headwater.secrets.rotation import activate, retire, rewrap, verify

__all__ = ["DataSourceStoreContract"]

_NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def a_data_source(uid: str = "one", **fields: object) -> DataSource:
    return DataSource(**{"uid": uid, "name": uid, "type": "testdata", **fields})  # type: ignore[arg-type]


class DataSourceStoreContract:
    """Inherit, and override `store` with a fixture that gives an empty store."""

    @pytest.fixture
    def store(self) -> DataSourceStore:
        raise NotImplementedError

    @pytest.fixture
    def ring(self) -> KeyRing:
        return KeyRing([InMemoryKeySource()])

    @pytest.fixture
    def service(self, store: DataSourceStore, ring: KeyRing) -> DataSourceService:
        prepare_keys(ring, store)
        return DataSourceService(store, SecretCipher(ring, store.active_key))

    # --- reading and writing

    def test_what_was_added_is_read_back_by_uid_id_and_name(self, store: DataSourceStore) -> None:
        given = a_data_source(
            name="Zürich 🌊",
            access="direct",
            url="http://localhost:9090",
            user="reader",
            database="metrics",
            basic_auth=True,
            basic_auth_user="ops",
            with_credentials=True,
            read_only=True,
            api_version="v0alpha1",
            json_data={"nested": {"list": [1, 2.5, None, True, "ü"]}, "exact": 2**53 + 1},
            version=7,
            created=_NOON,
            updated=_NOON + timedelta(microseconds=1),
        )

        added = store.add(given)

        assert added == attrs.evolve(given, id=added.id, revision=added.revision, is_default=True)
        assert store.get_by_uid("one") == store.get_by_id(added.id) == store.get_by_name("Zürich 🌊") == added

    def test_what_is_not_there_is_reported_as_not_found(self, store: DataSourceStore) -> None:
        look_ups: list[Callable[[], object]] = [
            lambda: store.get_by_uid("one"),
            lambda: store.get_by_id(1),
            lambda: store.get_by_name("one"),
            lambda: store.delete("one"),
            lambda: store.update(a_data_source(), expected_revision=0),
        ]
        for look_up in look_ups:
            with pytest.raises(DataSourceNotFoundError):
                look_up()

    def test_the_list_is_sorted_by_lower_case_name(self, store: DataSourceStore) -> None:
        for uid, name in (("1", "beta"), ("2", "Alpha"), ("3", "alpha"), ("4", "Gamma")):
            store.add(a_data_source(uid, name=name))

        assert [each.name for each in store.list()] == ["Alpha", "alpha", "beta", "Gamma"]

    def test_names_and_uids_are_compared_exactly(self, store: DataSourceStore) -> None:
        for uid, name in (("a", "a"), ("A", "A"), ("b", "ä"), ("c", "a\N{COMBINING DIAERESIS}")):
            store.add(a_data_source(uid, name=name))

        assert store.get_by_uid("A").name == "A"
        assert store.get_by_name("ä").uid == "b"

    def test_a_taken_uid_or_name_is_refused_and_nothing_changes(self, store: DataSourceStore) -> None:
        store.add(a_data_source("one", name="first"))
        before = (store.list(), store.revision())

        with pytest.raises(DataSourceExistsError, match="'one'"):
            store.add(a_data_source("one", name="second"))
        with pytest.raises(DataSourceExistsError, match="'first'"):
            store.add(a_data_source("two", name="first", is_default=True))
        assert (store.list(), store.revision()) == before

    def test_an_update_replaces_everything_but_the_id(self, store: DataSourceStore) -> None:
        added = store.add(a_data_source())

        updated = store.update(
            attrs.evolve(added, name="renamed", json_data={"a": 1}, version=2),
            expected_revision=added.revision,
        )

        assert updated.id == added.id
        assert store.get_by_uid("one") == updated
        assert store.get_by_name("renamed") == updated

    def test_an_update_of_an_older_state_is_refused_and_nothing_changes(self, store: DataSourceStore) -> None:
        old = store.add(a_data_source())
        new = store.update(attrs.evolve(old, url="http://new"), expected_revision=old.revision)

        with pytest.raises(DataSourceVersionConflictError):
            store.update(attrs.evolve(old, url="http://late"), expected_revision=old.revision)
        assert store.get_by_uid("one") == new

    def test_a_rename_to_a_taken_name_is_refused(self, store: DataSourceStore) -> None:
        store.add(a_data_source("one"))
        two = store.add(a_data_source("two"))

        with pytest.raises(DataSourceExistsError):
            store.update(attrs.evolve(two, name="one"), expected_revision=two.revision)
        assert store.get_by_uid("two") == two

    def test_ids_are_not_used_twice(self, store: DataSourceStore) -> None:
        first = store.add(a_data_source("one"))
        store.delete("one")

        assert store.add(a_data_source("two")).id > first.id

    # --- the default data source

    def test_the_first_one_is_the_default_until_another_takes_that(self, store: DataSourceStore) -> None:
        assert store.get_default() is None
        store.add(a_data_source("one"))
        store.add(a_data_source("two"))
        default = store.get_default()
        assert default is not None
        assert default.uid == "one"

        store.add(a_data_source("three", is_default=True))

        assert [each.uid for each in store.list() if each.is_default] == ["three"]

    # --- revisions and subscribers

    def test_every_change_has_a_higher_revision(self, store: DataSourceStore) -> None:
        seen = [store.revision()]
        one = store.add(a_data_source("one"))
        seen.append(store.revision())
        two = store.add(a_data_source("two", is_default=True))
        seen.append(store.revision())
        assert store.revisions() == {"one": two.revision, "two": two.revision}, "one is no longer the default"
        one = store.get_by_uid("one")
        store.update(one, expected_revision=one.revision)
        seen.append(store.revision())
        store.delete("two")
        seen.append(store.revision())

        assert seen == sorted(set(seen))
        assert store.revisions() == {"one": seen[-2]}

    def test_subscribers_hear_of_every_data_source_that_changed(self, store: DataSourceStore) -> None:
        assert isinstance(store, ChangeNotifier)
        store.add(a_data_source("one"))
        heard: list[str | None] = []
        unsubscribe = store.subscribe(heard.append)

        store.add(a_data_source("two", is_default=True))
        store.delete("two")
        unsubscribe()
        told = list(heard)
        store.delete("one")

        assert heard == told
        # A store that also listens to others may tell of the same change twice.
        remaining = iter(uid for uid in told if uid is not None)
        assert all(uid in remaining for uid in ("two", "one", "two"))
        assert set(told) <= {None, "one", "two"}

    # --- secrets

    def test_secrets_and_data_keys_come_back_byte_for_byte(self, service: DataSourceService) -> None:
        certificate = "-----BEGIN CERTIFICATE-----\n" + "x" * 200_000
        added = service.add(
            AddDataSource(type="testdata", secure_json_data={"password": "p", "tlsCACert": certificate})
        )

        stored = service.store.get_by_uid(added.uid)

        assert stored.secrets == added.secrets
        assert service.decrypt(stored)["tlsCACert"].reveal() == certificate

    def test_an_update_keeps_the_bytes_of_secrets_it_does_not_name(self, service: DataSourceService) -> None:
        secrets = {"kept": "1", "changed": "2", "removed": "3"}
        added = service.add(AddDataSource(type="testdata", secure_json_data=secrets))

        service.update(
            UpdateDataSource.of(added, secure_json_data={"changed": "4", "removed": "", "new": "5"})
        )

        stored = service.store.get_by_uid(added.uid)
        assert stored.secure_json_data["kept"] == added.secure_json_data["kept"]
        assert {name: each.reveal() for name, each in service.decrypt(stored).items()} == {
            "kept": "1",
            "changed": "4",
            "new": "5",
        }

    def test_deleting_a_data_source_deletes_its_secrets(self, service: DataSourceService) -> None:
        added = service.add(AddDataSource(type="testdata", secure_json_data={"password": "p"}))

        service.delete(added.uid)

        assert service.store.key_usage() == {}
        again = service.add(AddDataSource(type="testdata", uid=added.uid))
        assert service.store.get_by_uid(again.uid).secrets == SealedSecrets()

    # --- keys

    def test_the_first_key_is_active_and_later_ones_wait(self, store: DataSourceStore) -> None:
        with pytest.raises(EncryptionKeyError):
            store.active_key()

        store.register_key("k1", b"check 1")
        store.register_key("k2", b"check 2")
        store.register_key("k1", b"another check")

        assert store.active_key() == "k1"
        assert [(key.id, key.state, key.check) for key in store.key_records()] == [
            ("k1", KeyState.ACTIVE, b"check 1"),
            ("k2", KeyState.ADDED, b"check 2"),
        ]

    def test_one_key_is_active_at_a_time(self, store: DataSourceStore) -> None:
        for key_id in ("k1", "k2"):
            store.register_key(key_id, b"")

        store.activate_key("k2")

        assert store.active_key() == "k2"
        assert [key.state for key in store.key_records()] == [KeyState.ADDED, KeyState.ACTIVE]

    def test_an_unknown_key_is_neither_activated_nor_retired(self, store: DataSourceStore) -> None:
        for change in (store.activate_key, store.retire_key):
            with pytest.raises(EncryptionKeyError, match="'k9'"):
                change("k9")

    def test_a_key_that_is_active_or_used_is_not_retired(
        self, service: DataSourceService, ring: KeyRing
    ) -> None:
        store = service.store
        first = store.active_key()
        service.add(AddDataSource(type="testdata", secure_json_data={"password": "p"}))
        with pytest.raises(EncryptionKeyError, match="active"):
            retire(ring, store, first)

        activate(ring, store, add_key(ring, store).id)

        with pytest.raises(EncryptionKeyError, match="1 data key"):
            retire(ring, store, first)

    def test_a_data_key_under_a_retired_or_unknown_key_is_refused(
        self, service: DataSourceService, ring: KeyRing
    ) -> None:
        store = service.store
        sealed_before = service.cipher.seal(a_data_source("late").owner, SealedSecrets(), {"password": "p"})
        old = store.active_key()
        activate(ring, store, add_key(ring, store).id)
        retire(ring, store, old)

        with pytest.raises(EncryptionKeyError, match="retired"):
            store.add(a_data_source("late", secrets=sealed_before))
        with pytest.raises(EncryptionKeyError, match="retired"):
            store.activate_key(old)
        stray = SecretCipher(
            KeyRing([InMemoryKeySource([LocalKey("stray", os.urandom(32))])]), lambda: "stray"
        )
        unknown = stray.seal(a_data_source("stray").owner, SealedSecrets(), {"password": "p"})
        with pytest.raises(EncryptionKeyError, match="not registered"):
            store.add(a_data_source("stray", secrets=unknown))
        assert store.list() == [] or not store.revisions()

    def test_a_rewrap_changes_data_keys_and_revisions_but_no_version_and_no_secret(
        self, service: DataSourceService, ring: KeyRing
    ) -> None:
        store = service.store
        before = [
            service.add(AddDataSource(type="testdata", secure_json_data={"password": str(number)}))
            for number in range(7)
        ]
        old = store.active_key()
        new = add_key(ring, store).id
        activate(ring, store, new)

        report = rewrap(service.cipher, store, batch=3)

        assert (report.rewrapped, report.already, report.failed) == (7, 0, ())
        assert store.key_usage() == {new: 7}
        for data_source in before:
            after = store.get_by_uid(data_source.uid)
            assert after.secure_json_data == data_source.secure_json_data
            assert after.version == data_source.version
            assert after.revision > data_source.revision
        assert verify(service.cipher, store).opened == 7
        retire(ring, store, old, forget=True)
        assert verify(service.cipher, store).bad == ()

    def test_a_data_key_that_changed_meanwhile_is_left_alone(
        self, service: DataSourceService, ring: KeyRing
    ) -> None:
        store = service.store
        added = service.add(AddDataSource(type="testdata", secure_json_data={"password": "p"}))
        activate(ring, store, add_key(ring, store).id)
        (listed,) = store.data_keys_not_under(store.active_key())
        wrapped = service.cipher.rewrap(listed.owner, listed.wrapped)
        service.rotate(added.uid)

        assert store.replace_data_keys([(listed, wrapped)]) == 0
        assert service.decrypt(store.get_by_uid(added.uid))["password"].reveal() == "p"

    # --- many at once

    def test_of_concurrent_edits_of_one_version_exactly_one_wins(self, service: DataSourceService) -> None:
        added = service.add(AddDataSource(type="testdata"))

        def edit(number: int) -> bool:
            try:
                service.update(UpdateDataSource.of(added, url=f"http://host-{number}"))
            except DataSourceVersionConflictError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(edit, range(8)))

        assert outcomes.count(True) == 1
        winner = outcomes.index(True)
        stored = service.store.get_by_uid(added.uid)
        assert (stored.url, stored.version) == (f"http://host-{winner}", 2)

    def test_concurrent_edits_without_a_version_all_happen(self, service: DataSourceService) -> None:
        added = service.add(AddDataSource(type="testdata"))

        def edit(number: int) -> None:
            update = UpdateDataSource.of(added, secure_json_data={f"secret{number}": str(number)}, version=0)
            service.update(update)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(edit, range(12)))

        stored = service.store.get_by_uid(added.uid)
        assert stored.version == 13
        assert {name: each.reveal() for name, each in service.decrypt(stored).items()} == {
            f"secret{number}": str(number) for number in range(12)
        }

    def test_the_default_is_unique_whoever_is_first(self, service: DataSourceService) -> None:
        def add(number: int) -> None:
            service.add(AddDataSource(type="testdata", name=str(number), is_default=True))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(8)))

        assert sum(each.is_default for each in service.store.list()) == 1
