"""What happens with the keys when a host starts."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater.datasources import AddDataSource, DataSourceService, MemoryStore, UpdateDataSource
from headwater.errors import EncryptionKeyError
from headwater.secrets import (
    DirectoryKeySource,
    InMemoryKeySource,
    KeyRing,
    LocalKey,
    RemoteKey,
    RemoteKeySource,
    SecretCipher,
)
from headwater.secrets.key_setup import KeyReport, active_key_problem, add_key, prepare_keys
from headwater.secrets.keys import WrappingKey, key_check
from headwater.secrets.rotation import activate, key_status, retire, rewrap, verify


def test_the_first_start_makes_a_key_and_says_where(tmp_path: Path) -> None:
    store, ring = MemoryStore(), KeyRing([DirectoryKeySource(tmp_path / "keys")])

    report = prepare_keys(ring, store)

    assert report.created == f"directory {tmp_path / 'keys'}"
    assert report.active == store.active_key()
    assert (tmp_path / "keys" / f"{report.active}.key").exists()


def test_later_starts_use_it() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    first = prepare_keys(KeyRing([source]), store)

    second = prepare_keys(KeyRing([source]), store)

    assert (second.active, second.created) == (first.active, None)


def test_a_key_that_was_put_there_before_the_first_start_is_taken() -> None:
    store = MemoryStore()

    report = prepare_keys(KeyRing([InMemoryKeySource([LocalKey("mine", os.urandom(32))])]), store)

    assert (report.active, report.created) == ("mine", None)


def test_a_lost_key_is_never_replaced_by_a_new_one() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    active = prepare_keys(KeyRing([source]), store).active
    source.remove(active)

    with pytest.raises(EncryptionKeyError, match=f"'{active}' is not available"):
        prepare_keys(KeyRing([source]), store)
    assert source.keys() == {}


def test_a_wrong_key_under_the_right_id_stops_the_start() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    active = prepare_keys(KeyRing([source]), store).active

    with pytest.raises(EncryptionKeyError, match=f"'{active}' in memory is not the key"):
        prepare_keys(KeyRing([InMemoryKeySource([LocalKey(active, os.urandom(32))])]), store)


@pytest.mark.parametrize("present", [[], [LocalKey("mine", os.urandom(32))]], ids=["missing", "wrong"])
def test_a_degraded_start_reports_the_active_key_instead(present: list[LocalKey]) -> None:
    store, right = MemoryStore(), LocalKey("mine", os.urandom(32))
    prepare_keys(KeyRing([InMemoryKeySource([right])]), store)
    ring = KeyRing([InMemoryKeySource(present)])

    report = prepare_keys(ring, store, degraded=True)

    assert report.active == "mine"
    assert "'mine'" in report.problem
    assert active_key_problem(ring, store) == report.problem
    assert active_key_problem(KeyRing([InMemoryKeySource([right])]), store) == ""


def test_other_keys_that_are_missing_or_wrong_are_reported_and_do_not_stop_it() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    ring = KeyRing([source])
    prepare_keys(ring, store)
    for key_id in ("lost", "wrong", "retired"):
        add_key(ring, store, key_id)
    retire(ring, store, "retired", forget=True)
    source.remove("lost")
    source.remove("wrong")
    source.create("wrong")

    report = prepare_keys(KeyRing([source]), store)

    assert (report.missing, report.wrong) == (("lost",), ("wrong",))


def test_a_start_without_any_place_for_a_key_is_refused() -> None:
    with pytest.raises(EncryptionKeyError, match="No key source takes new keys"):
        prepare_keys(KeyRing([RemoteKeySource([])]), MemoryStore())


def _does_not_answer(*_: bytes) -> bytes:
    raise ConnectionError("no route to 10.0.0.9")


@pytest.mark.parametrize("degraded", [False, True])
def test_a_new_store_is_refused_while_the_key_service_does_not_answer(degraded: bool) -> None:
    store = MemoryStore()
    ring = KeyRing([RemoteKeySource([RemoteKey("kms", _does_not_answer, _does_not_answer)])])

    with pytest.raises(EncryptionKeyError, match="Key 'kms' cannot encrypt now") as caught:
        prepare_keys(ring, store, degraded=degraded)

    assert caught.value.retryable
    assert "10.0.0.9" not in str(caught.value)
    assert not store.key_records()


def test_a_start_waits_for_the_service_of_the_active_key_alone() -> None:
    store = MemoryStore()
    up = {name: LocalKey(name, os.urandom(32)) for name in ("active", "added")}
    for name, key in up.items():
        store.register_key(name, key_check(key))
    store.activate_key("active")

    def report(*answering: str, degraded: bool = False) -> KeyReport:
        keys = [
            RemoteKey(name, key.wrap, key.unwrap if name in answering else _does_not_answer)
            for name, key in up.items()
        ]
        return prepare_keys(KeyRing([RemoteKeySource(keys)]), store, degraded=degraded)

    assert report("active", "added").missing == ()
    assert report("active").missing == ("added",)
    with pytest.raises(EncryptionKeyError, match="Key 'active' cannot decrypt now") as caught:
        report("added")
    assert caught.value.retryable
    assert report("added", degraded=True).problem == "Key 'active' cannot decrypt now."


def test_hosts_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    store = MemoryStore()

    def start(_: int) -> str:
        return prepare_keys(KeyRing([DirectoryKeySource(tmp_path / "keys")]), store).active

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(16)))) == 1
    assert len(list((tmp_path / "keys").glob("*.key"))) == 1


def test_a_host_that_another_one_overtook_tells_of_no_first_key() -> None:
    store = MemoryStore()

    class OvertakenKeySource(InMemoryKeySource):
        def create_first(self, key_id: str) -> WrappingKey:
            store.register_key("theirs", key_check(self.create("theirs")))
            return self.create(key_id)

    report = prepare_keys(KeyRing([OvertakenKeySource()]), store)

    assert (report.active, report.created) == ("theirs", None)


def test_a_kms_key_protects_a_store_from_start_to_rotation() -> None:
    kms = {name: os.urandom(32) for name in ("kms-1", "kms-2")}

    def remote(name: str) -> RemoteKey:
        local = LocalKey(name, kms[name])
        return RemoteKey(name, local.wrap, local.unwrap)

    ring = KeyRing([RemoteKeySource([remote("kms-1")])])
    store = MemoryStore()
    service = DataSourceService.with_keys(store, ring.sources)
    service.add(AddDataSource(type="t", uid="one", secure_json_data={"password": "p"}))
    ring = KeyRing([RemoteKeySource([remote("kms-1"), remote("kms-2")])])
    service = DataSourceService.with_keys(store, ring.sources)

    add_key(ring, store, "kms-2")
    activate(ring, store, "kms-2")
    rewrap(service.cipher, store)
    retire(ring, store, "kms-1")

    assert service.decrypt(store.get_by_uid("one"))["password"].reveal() == "p"


# --- rotation


def a_service(source: InMemoryKeySource) -> DataSourceService:
    store, ring = MemoryStore(), KeyRing([source], grace=0)
    prepare_keys(ring, store)
    return DataSourceService(store, SecretCipher(ring, store.active_key))


def test_a_rewrap_that_stops_half_way_is_taken_up_again() -> None:
    service = a_service(InMemoryKeySource())
    store, ring = service.store, service.cipher.ring
    for number in range(10):
        service.add(AddDataSource(type="t", secure_json_data={"password": str(number)}))
    activate(ring, store, add_key(ring, store).id)

    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrap(service.cipher, store, batch=4, progress=stop)
    assert verify(service.cipher, store).opened == 10
    report = rewrap(service.cipher, store, batch=4)
    assert (report.rewrapped, report.already) == (6, 4)
    again = rewrap(service.cipher, store)
    assert (again.rewrapped, again.already) == (0, 10)


def test_a_rewrap_reports_what_it_cannot_open_and_does_the_rest() -> None:
    source = InMemoryKeySource()
    service = a_service(source)
    store, ring = service.store, service.cipher.ring
    service.add(AddDataSource(type="t", uid="lost", secure_json_data={"password": "1"}))
    lost = store.active_key()
    activate(ring, store, add_key(ring, store).id)
    service.add(AddDataSource(type="t", uid="good", secure_json_data={"password": "2"}))
    activate(ring, store, add_key(ring, store).id)
    source.remove(lost)
    ring.reload()

    report = rewrap(service.cipher, store)

    assert (report.rewrapped, report.already) == (1, 0)
    assert report.failed == (
        f"Data source 'lost' has secrets that cannot be opened: data key (key_missing, key {lost}).",
    )
    assert [uid for uid, _ in verify(service.cipher, store).bad] == ["lost"]
    with pytest.raises(EncryptionKeyError, match="still wraps"):
        retire(ring, store, lost)


def test_a_key_that_is_not_here_cannot_be_activated() -> None:
    source = InMemoryKeySource()
    service = a_service(source)
    store, ring = service.store, service.cipher.ring
    key = add_key(ring, store)
    source.remove(key.id)
    ring.reload()

    with pytest.raises(EncryptionKeyError, match="is not available"):
        activate(ring, store, key.id)
    source.create(key.id)
    ring.reload()
    with pytest.raises(EncryptionKeyError, match="not the key that was registered"):
        activate(ring, store, key.id)


def test_the_status_of_keys_tells_what_an_operator_needs_to_know() -> None:
    source = InMemoryKeySource()
    service = a_service(source)
    store, ring = service.store, service.cipher.ring
    first = store.active_key()
    service.add(AddDataSource(type="t", secure_json_data={"password": "1"}))
    second = add_key(ring, store).id
    source.remove(second)
    ring.reload()

    assert [
        (each.id, each.state, each.source, each.matches, each.data_keys) for each in key_status(ring, store)
    ] == [
        (first, "active", "memory", True, 1),
        (second, "added", "", False, 0),
    ]


def test_the_status_of_a_key_whose_service_does_not_answer_is_not_guessed() -> None:
    store = MemoryStore()
    store.register_key("kms", b"sealed")
    ring = KeyRing([RemoteKeySource([RemoteKey("kms", _does_not_answer, _does_not_answer)])])

    with pytest.raises(EncryptionKeyError, match="Key 'kms' cannot decrypt now"):
        key_status(ring, store)


def test_an_edit_during_a_rotation_loses_neither_the_edit_nor_the_new_key() -> None:
    service = a_service(InMemoryKeySource())
    store, ring = service.store, service.cipher.ring
    added = service.add(AddDataSource(type="t", secure_json_data={"password": "1"}))
    old = store.active_key()
    activate(ring, store, add_key(ring, store).id)
    real_update, rewraps = store.update, iter([True])

    def update_after_a_rewrap(data_source, *, expected_revision):  # type: ignore[no-untyped-def]
        if next(rewraps, False):
            rewrap(service.cipher, store)
        return real_update(data_source, expected_revision=expected_revision)

    store.update = update_after_a_rewrap  # type: ignore[method-assign]
    service.update(UpdateDataSource.of(added, url="http://new"))

    assert store.get_by_uid(added.uid).url == "http://new"
    assert old not in store.key_usage()


def test_a_cached_copy_from_before_the_rotation_still_opens_after_it() -> None:
    service = a_service(InMemoryKeySource())
    store, ring = service.store, service.cipher.ring
    cached = service.add(AddDataSource(type="t", secure_json_data={"password": "1"}))
    old = store.active_key()
    activate(ring, store, add_key(ring, store).id)
    rewrap(service.cipher, store)
    retire(ring, store, old, forget=True)

    assert service.decrypt(cached)["password"].reveal() == "1"


def test_a_key_that_another_host_registered_first_is_not_taken_for_that_one() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    ring = KeyRing([source])
    prepare_keys(ring, store)
    store.register_key("shared", key_check(LocalKey("shared", os.urandom(32))))
    source.create("shared")
    ring.reload()

    with pytest.raises(EncryptionKeyError, match="Key 'shared' in memory is not the key that the store"):
        add_key(ring, store, "shared")


def test_a_new_key_needs_no_name() -> None:
    store, ring = MemoryStore(), KeyRing([InMemoryKeySource()])
    prepare_keys(ring, store)

    assert add_key(ring, store).id != add_key(ring, store).id


def test_a_start_that_is_well_reports_no_problem() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    prepare_keys(KeyRing([source]), store)

    assert prepare_keys(KeyRing([source]), store, degraded=True).problem == ""


@pytest.mark.parametrize("forget", [False, True])
def test_a_retired_key_stays_in_its_source_unless_it_is_to_be_forgotten(forget: bool) -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    ring = KeyRing([source], grace=0)
    prepare_keys(ring, store)
    add_key(ring, store, "spare")

    retire(ring, store, "spare", **({"forget": True} if forget else {}))

    assert (source.keys().get("spare") is None) is forget
    assert (ring.get("spare") is None) is forget


def test_a_rewrap_tells_how_far_it_is() -> None:
    service = a_service(InMemoryKeySource())
    store, ring = service.store, service.cipher.ring
    for number in range(3):
        service.add(AddDataSource(name=str(number), type="t", secure_json_data={"password": "1"}))
    activate(ring, store, add_key(ring, store).id)
    told = list[int]()

    rewrap(service.cipher, store, batch=2, progress=told.append)

    assert told == [2, 3]


def test_a_key_that_nobody_registered_is_not_activated() -> None:
    store, source = MemoryStore(), InMemoryKeySource()
    ring = KeyRing([source])
    prepare_keys(ring, store)
    source.create("stray")
    ring.reload()

    with pytest.raises(EncryptionKeyError, match="stray"):
        activate(ring, store, "stray")
