from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
import structlog
from attrs import AttrsInstance

from headwater.datasources import (
    AddDataSource,
    AddOptions,
    DataSource,
    DataSourceService,
    MemoryStore,
    UpdateDataSource,
    UpdateOptions,
)
from headwater.errors import (
    DataSourceExistsError,
    DataSourceReadOnlyError,
    DataSourceVersionConflictError,
    EncryptionKeyError,
    SecretUnavailableError,
    ValidationError,
)
from headwater.secrets import InMemoryKeySource, KeyRing, LocalKey, Secret, SecretCipher, SecretState
from headwater.secrets.key_setup import add_key, prepare_keys
from headwater.secrets.rotation import activate

CANARY = "canary-77aa1b"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> InMemoryKeySource:
    return InMemoryKeySource([LocalKey("k1", os.urandom(32))])


@pytest.fixture
def service(clock: Clock, source: InMemoryKeySource) -> DataSourceService:
    store, ring = MemoryStore(), KeyRing([source], grace=0)
    prepare_keys(ring, store)
    return DataSourceService(store, SecretCipher(ring, store.active_key), clock=clock)


def test_a_nameless_data_source_is_called_after_its_type_and_numbered(service: DataSourceService) -> None:
    names = [service.add(AddDataSource(type="mysql")).name for _ in range(3)]

    assert names == ["mysql", "mysql-1", "mysql-2"]


def test_a_uid_is_made_where_none_is_given(service: DataSourceService) -> None:
    made = service.add(AddDataSource(type="mysql")).uid
    given = service.add(AddDataSource(type="mysql", uid="My_uid-1")).uid

    assert given == "My_uid-1"
    assert len(made) == 14
    assert made[0].isalpha()
    assert made.isalnum()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": ""}, "type"),
        ({"type": "../x"}, "type"),
        ({"uid": "a b"}, "uid"),
        ({"uid": "ü"}, "uid"),
        ({"uid": "x" * 41}, "uid"),
        ({"name": "x" * 191}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"access": "browser"}, "access"),
        ({"url": "http://" + "x" * 250}, "url"),
        ({"url": "http://a b"}, "url"),
        ({"url": "/a\nb"}, "url"),
        ({"url": "http://host\n.evil"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://host:99999"}, "url"),
        ({"url": "http://host:0"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "://host"}, "url"),
        ({"user": "x" * 256}, "user"),
        ({"database": "x" * 256}, "database"),
        ({"basic_auth_user": "x" * 256}, "basicAuthUser"),
        ({"json_data": {"a": float("nan")}}, "jsonData"),
        ({"json_data": {"a": object()}}, "jsonData"),
        ({"secure_json_data": {"": "x"}}, "secureJsonData"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(
    service: DataSourceService, fields: dict[str, object], path: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        service.add(AddDataSource(**{"type": "mysql", **fields}))  # type: ignore[arg-type]

    assert caught.value.path == path
    assert service.store.list() == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:3306",
        "http://[::1]:9090/path?x=1",
        "https://reader@host",
        "unix:///run/x.sock",
        "/run/x.sock",
    ],
)
def test_the_urls_of_all_kinds_of_data_sources_are_accepted(service: DataSourceService, url: str) -> None:
    assert service.add(AddDataSource(type="t", url=url)).url == url


def test_a_password_in_a_url_is_refused_and_not_repeated(service: DataSourceService) -> None:
    with pytest.raises(ValidationError, match="secureJsonData") as caught:
        service.add(AddDataSource(type="t", url=f"http://root:{CANARY}@host"))

    assert CANARY not in str(caught.value)


def test_a_taken_name_or_uid_is_refused(service: DataSourceService) -> None:
    service.add(AddDataSource(type="t", name="one", uid="one"))

    for name, uid in (("one", ""), ("", "one"), ("one", "one")):
        with pytest.raises(DataSourceExistsError):
            service.add(AddDataSource(type="t", name=name, uid=uid))


def test_commands_do_not_show_their_secrets() -> None:
    add = AddDataSource(type="t", secure_json_data={"password": CANARY})
    update = UpdateDataSource(uid="u", name="n", type="t", secure_json_data={"password": Secret(CANARY)})

    assert CANARY not in repr(add) + repr(update)


def test_an_update_raises_version_and_time_even_if_the_clock_stands_still(
    service: DataSourceService, clock: Clock
) -> None:
    added = service.add(AddDataSource(type="t"))

    updated = service.update(UpdateDataSource.of(added, url="x"))
    clock.now += timedelta(hours=1)
    later = service.update(UpdateDataSource.of(updated, url="y"))

    assert (added.version, updated.version, later.version) == (1, 2, 3)
    assert added.updated < updated.updated < later.updated == clock.now
    assert later.created == added.created


def test_an_update_of_a_version_that_is_gone_is_refused(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t"))
    service.update(UpdateDataSource.of(added, url="first"))

    with pytest.raises(DataSourceVersionConflictError, match="reload and try again"):
        service.update(UpdateDataSource.of(added, url="second"))
    assert service.update(UpdateDataSource.of(added, url="third", version=0)).version == 3


def test_a_read_only_data_source_is_changed_by_force_only(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t", read_only=True))

    with pytest.raises(DataSourceReadOnlyError, match="Cannot update read-only data source"):
        service.update(UpdateDataSource.of(added, url="x"))
    with pytest.raises(DataSourceReadOnlyError, match="Cannot delete read-only data source"):
        service.delete(added.uid)
    service.update(UpdateDataSource.of(added, url="x"), force=True)
    service.delete(added.uid, force=True)
    assert service.store.list() == []


def test_a_name_cannot_be_taken_away(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t"))

    with pytest.raises(ValidationError, match="name"):
        service.update(UpdateDataSource.of(added, name=""))


def test_secret_fields_are_listed_readable_or_not(
    service: DataSourceService, source: InMemoryKeySource
) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY, "token": ""}))
    assert service.secure_json_fields(added) == {"password": True}
    source.remove("k1")
    service.cipher.ring.reload()

    assert service.secure_json_fields(added) == {"password": True}
    assert service.secret_states(added)["password"].state is SecretState.KEY_MISSING
    with pytest.raises(SecretUnavailableError, match=r"password \(key_missing, key k1\)"):
        service.decrypt(added)


def test_each_secret_that_is_needed_and_cannot_be_opened_is_told(
    service: DataSourceService, source: InMemoryKeySource
) -> None:
    told: list[str] = []
    stop = service.on_unavailable(lambda uid, field: told.append(f"{uid}: {field}"))
    added = service.add(AddDataSource(type="t", uid="u", secure_json_data={"password": CANARY, "token": "x"}))
    service.decrypt(added)
    assert told == []
    source.remove("k1")
    service.cipher.ring.reload()

    for _ in range(2):
        with pytest.raises(SecretUnavailableError):
            service.decrypt(added)
    stop()
    with pytest.raises(SecretUnavailableError):
        service.decrypt(added)
    assert told == ["u: password (key_missing, key k1)", "u: token (key_missing, key k1)"] * 2


def test_only_the_secrets_that_cannot_be_opened_are_told(
    service: DataSourceService, source: InMemoryKeySource
) -> None:
    told: list[str] = []
    service.on_unavailable(lambda uid, field: told.append(f"{uid}: {field}"))
    added = service.add(AddDataSource(type="t", uid="u", secure_json_data={"password": CANARY}))
    ring = service.cipher.ring
    activate(ring, service.store, add_key(ring, service.store).id)
    source.remove("k1")
    ring.reload()
    updated = service.update(UpdateDataSource.of(added, secure_json_data={"token": Secret("x")}))

    with pytest.raises(SecretUnavailableError):
        service.decrypt(updated)
    assert told == ["u: password (key_missing, key k1)"]


def test_a_copy_of_a_deleted_data_source_whose_key_is_gone_cannot_be_opened(
    service: DataSourceService, source: InMemoryKeySource
) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
    service.delete(added.uid)
    source.remove("k1")
    service.cipher.ring.reload()
    with pytest.raises(SecretUnavailableError, match="key_missing"):
        service.decrypt(added)


class BusyStore(MemoryStore):
    """Has something happen just before a write, as other processes do."""

    def __init__(self) -> None:
        super().__init__()
        self.before_write: Callable[[], None] = lambda: None

    def add(self, data_source: DataSource) -> DataSource:
        self.before_write()
        return super().add(data_source)

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        self.before_write()
        return super().update(data_source, expected_revision=expected_revision)


class TestWhatOthersDoMeanwhile:
    @pytest.fixture
    def store(self) -> BusyStore:
        return BusyStore()

    @pytest.fixture
    def service(self, store: BusyStore) -> DataSourceService:
        return DataSourceService.with_keys(store, [InMemoryKeySource()])

    @pytest.fixture
    def rotate_key(self, service: DataSourceService, store: BusyStore) -> Callable[[], None]:
        def rotate() -> None:
            ring, old = service.cipher.ring, store.active_key()
            activate(ring, store, add_key(ring, store).id)
            store.retire_key(old)

        return rotate

    def once(self, store: BusyStore, happens: Callable[[], object]) -> None:
        def happen() -> None:
            store.before_write = lambda: None
            happens()

        store.before_write = happen

    def test_a_secret_whose_key_was_retired_is_sealed_anew(
        self, service: DataSourceService, store: BusyStore, rotate_key: Callable[[], None]
    ) -> None:
        self.once(store, rotate_key)
        added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
        assert service.decrypt(added)["password"].reveal() == CANARY
        assert store.key_usage() == {store.active_key(): 1}

    def test_an_update_whose_key_was_retired_is_sealed_anew(
        self, service: DataSourceService, store: BusyStore, rotate_key: Callable[[], None]
    ) -> None:
        added = service.add(AddDataSource(type="t"))
        self.once(store, rotate_key)
        command = UpdateDataSource.of(added, secure_json_data={"password": Secret(CANARY)})
        assert service.decrypt(service.update(command))["password"].reveal() == CANARY
        assert store.key_usage() == {store.active_key(): 1}

    def test_who_finds_every_key_retired_gives_up(
        self, service: DataSourceService, store: BusyStore, rotate_key: Callable[[], None]
    ) -> None:
        bare = service.add(AddDataSource(type="t"))
        store.before_write = rotate_key
        with pytest.raises(DataSourceVersionConflictError):
            service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
        with pytest.raises(DataSourceVersionConflictError):
            service.update(UpdateDataSource.of(bare, secure_json_data={"password": Secret(CANARY)}))
        assert store.list() == [bare]

    def test_a_key_that_the_store_does_not_know_is_no_matter_of_trying_again(
        self, service: DataSourceService, store: BusyStore
    ) -> None:
        bare = service.add(AddDataSource(type="t"))
        ring = KeyRing([InMemoryKeySource([LocalKey("stray", os.urandom(32))])])
        stray = DataSourceService(store, SecretCipher(ring, lambda: "stray"))
        with pytest.raises(EncryptionKeyError, match="'stray' is not registered"):
            stray.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
        with pytest.raises(EncryptionKeyError, match="'stray' is not registered"):
            stray.update(UpdateDataSource.of(bare, secure_json_data={"password": Secret(CANARY)}))

    def test_a_generated_name_that_somebody_takes_is_generated_anew(
        self, service: DataSourceService, store: BusyStore
    ) -> None:
        self.once(store, lambda: store.add(DataSource(uid="first", name="t", type="t")))
        assert service.add(AddDataSource(type="t")).name == "t-1"


def test_nothing_is_encrypted_under_a_wrong_key() -> None:
    """Under the id of the lost key: it could not be read once the right one is back."""
    store, right = MemoryStore(), LocalKey("k", os.urandom(32))
    DataSourceService.with_keys(store, [InMemoryKeySource([right])])
    wrong = InMemoryKeySource([LocalKey("k", os.urandom(32))])
    service = DataSourceService.with_keys(store, [wrong], degraded=True)

    with pytest.raises(EncryptionKeyError, match="restore the original key"):
        service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
    assert store.list() == []
    assert "'k' in memory is not the key" in service.key_problem()
    service.add(AddDataSource(type="t", name="without a secret"))


def test_an_unrelated_edit_keeps_secrets_that_cannot_be_read_now(
    service: DataSourceService, source: InMemoryKeySource
) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
    lost = source.keys()["k1"]
    source.remove("k1")
    service.cipher.ring.reload()

    updated = service.update(UpdateDataSource.of(added, url="http://new"))

    assert isinstance(lost, LocalKey)
    back = SecretCipher(KeyRing([InMemoryKeySource([lost])]), lambda: "k1")
    assert back.open(updated.owner, updated.secrets)["password"].reveal() == CANARY


def test_secrets_that_pass_are_masked_from_then_on(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))
    assert service.redactor.redact(f"x{CANARY}x") == "x********x"

    other = DataSourceService(service.store, service.cipher)
    assert CANARY in other.redactor.redact(CANARY)
    other.decrypt(added)
    assert other.redactor.redact(CANARY) == "********"


def test_a_data_source_does_not_show_its_secrets(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))

    assert "password" in repr(added)
    assert CANARY not in repr(added)
    assert repr(added.secure_json_data["password"])[2:20] not in repr(added)


def test_rotating_one_data_source_keeps_its_secrets_and_its_version(service: DataSourceService) -> None:
    added = service.add(AddDataSource(type="t", secure_json_data={"password": CANARY}))

    rotated = service.rotate(added.uid)

    assert rotated.version == added.version
    assert rotated.secure_json_data != added.secure_json_data
    assert service.decrypt(rotated)["password"].reveal() == CANARY


def test_keys_that_are_missing_at_start_are_logged(source: InMemoryKeySource) -> None:
    store = MemoryStore()
    DataSourceService.with_keys(store, [source])
    store.register_key("lost", b"")

    with structlog.testing.capture_logs() as logs:
        DataSourceService.with_keys(store, [source])

    assert [(log["log_level"], log["missing"], log["wrong"]) for log in logs] == [("warning", ("lost",), ())]


@pytest.mark.parametrize(
    ("options", "command", "apart"),
    [(AddOptions, AddDataSource, {"name", "type"}), (UpdateOptions, UpdateDataSource, {"uid"})],
)
def test_keyword_arguments_are_the_fields_of_the_commands(
    options: type, command: type[AttrsInstance], apart: set[str]
) -> None:
    plain_too = {"Mapping[str, str | Secret]": "Mapping[str, Secret]"}
    declared = {name: hint.__forward_arg__ for name, hint in options.__annotations__.items()}
    fields = {each.name: str(each.type) for each in attrs.fields(command) if each.name not in apart}
    assert {name: plain_too.get(kind, kind) for name, kind in declared.items()} == fields


def test_all_data_sources_are_listed_by_name(service: DataSourceService) -> None:
    for name in ("b", "A"):
        service.add(AddDataSource(name=name, type="mysql"))
    assert [each.name for each in service.list()] == ["A", "b"]
