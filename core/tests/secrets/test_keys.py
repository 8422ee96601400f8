from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest

from headwater.errors import EncryptionKeyError
from headwater.secrets import (
    DirectoryKeySource,
    EnvironmentKeySource,
    InMemoryKeySource,
    KeyRing,
    KeyringKeySource,
    LocalKey,
    RemoteKey,
    RemoteKeySource,
)
from headwater.secrets.envelope import TamperedRecordError
from headwater.secrets.keys import WritableKeySource, key_check, passes_check

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeKeyring:
    """The three calls of the `keyring` distribution over a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture(params=["directory", "keyring", "memory"])
def writable(request: pytest.FixtureRequest, tmp_path: Path) -> WritableKeySource:
    if request.param == "directory":
        return DirectoryKeySource(tmp_path / "keys")
    return KeyringKeySource(backend=FakeKeyring()) if request.param == "keyring" else InMemoryKeySource()


# --- keys


def test_a_key_unwraps_what_it_wrapped_for_the_same_additional_data_only() -> None:
    key = LocalKey("k1", os.urandom(32))
    wrapped = key.wrap(b"data key", b"place")

    assert key.unwrap(wrapped, b"place") == b"data key"
    for other, data, aad in (
        (key, wrapped, b"elsewhere"),
        (key, wrapped[:-1], b"place"),
        (key, b"", b"place"),
        (LocalKey("k1", os.urandom(32)), wrapped, b"place"),
    ):
        with pytest.raises(TamperedRecordError):
            other.unwrap(data, aad)


def test_a_key_does_not_show_its_bytes() -> None:
    assert "zzzz" not in repr(LocalKey("k1", b"z" * 32))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EncryptionKeyError, match=f"{length} bytes"):
        LocalKey("k1", bytes(length))


@pytest.mark.parametrize("key_id", ["", "K1", "a/b", "..", "a b", "-a", "a" * 65, "ä"])
def test_an_id_that_is_no_file_name_and_no_variable_is_refused(key_id: str) -> None:
    with pytest.raises(EncryptionKeyError, match="is not a key id: use 1 to 64 lower-case letters"):
        LocalKey(key_id, bytes(32))


def test_a_key_check_tells_the_right_key_from_another_with_the_same_id() -> None:
    right, wrong = (LocalKey("k1", os.urandom(32)) for _ in range(2))

    assert passes_check(right, key_check(right))
    assert not passes_check(wrong, key_check(right))
    assert not passes_check(LocalKey("k2", right.material), key_check(right))


def test_a_remote_key_is_asked_once_per_data_key_while_its_answer_is_fresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, asked = FakeClock(), []
    monkeypatch.setattr("time.monotonic", clock)

    def unwrap(wrapped: bytes, aad: bytes) -> bytes:
        asked.append(wrapped)
        return wrapped[::-1]

    key = RemoteKey("kms", lambda plain, aad: plain[::-1], unwrap, cache_seconds=60)

    assert [key.unwrap(b"abc", b""), key.unwrap(b"abc", b"")] == [b"cba", b"cba"]
    assert asked == [b"abc"]
    clock.now += 61
    key.unwrap(b"abc", b"")
    key.unwrap(b"abc", b"other place")
    assert len(asked) == 3


# --- sources


def test_a_new_key_is_found_again_and_can_be_removed(writable: WritableKeySource) -> None:
    created = writable.create("k1")
    wrapped = created.wrap(b"data", b"")

    assert writable.keys()["k1"].unwrap(wrapped, b"") == b"data"
    with pytest.raises(EncryptionKeyError, match="exists already"):
        writable.create("k1")
    writable.remove("k1")
    writable.remove("k1")
    assert writable.keys() == {}


def test_the_first_key_is_made_once(writable: WritableKeySource) -> None:
    assert writable.create_first("k1").id == "k1"
    assert writable.create_first("k2").id == "k1"


@posix
def test_a_new_key_file_and_its_directory_belong_to_their_owner_alone(tmp_path: Path) -> None:
    DirectoryKeySource(tmp_path / "new" / "keys").create("k1")

    assert (tmp_path / "new" / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "keys" / "k1.key").stat().st_mode & 0o777 == 0o600


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_key_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys" / "k1.key").chmod(mode)

    with pytest.raises(EncryptionKeyError, match=rf"k1\.key is open to other users .*{mode:04o}.*chmod 600"):
        source.keys()


@posix
def test_a_key_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys").chmod(0o755)

    with pytest.raises(EncryptionKeyError, match="chmod 700"):
        source.keys()


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(bytes(16)), b"\xff" * 44])
def test_a_file_that_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys" / "k1.key").write_bytes(content)

    with pytest.raises(EncryptionKeyError, match=r"k1\.key: a key is 32 bytes in base64"):
        source.keys()


def test_an_unfinished_key_file_of_a_killed_process_is_no_key(tmp_path: Path) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys" / "k2.new").write_bytes(b"half")

    assert set(source.keys()) == {"k1"}
    assert source.create("k2").id == "k2"


def test_a_missing_directory_has_no_keys(tmp_path: Path) -> None:
    assert DirectoryKeySource(tmp_path / "none").keys() == {}


def test_a_key_may_be_written_by_hand_with_line_breaks(tmp_path: Path) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("other")
    file = tmp_path / "keys" / "mine.key"
    file.write_bytes(base64.encodebytes(bytes(range(32))))
    file.chmod(0o600)

    assert source.keys()["mine"] == LocalKey("mine", bytes(range(32)))


def test_a_key_path_that_is_no_directory_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("")
    path.chmod(0o600)
    source = DirectoryKeySource(path)

    with pytest.raises(EncryptionKeyError, match=f"^Cannot read the key directory {path}: Not a directory"):
        source.keys()
    for use in (lambda: source.create("k1"), lambda: source.create_first("k1"), lambda: source.remove("k1")):
        with pytest.raises(EncryptionKeyError, match=f"^Cannot write the key directory {path}: "):
            use()


def test_a_key_directory_that_cannot_be_there_holds_no_keys(tmp_path: Path) -> None:
    """Its host may have keys from elsewhere."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "keys", tmp_path / "none"):
        assert DirectoryKeySource(path).keys() == {}


def test_a_directory_that_cannot_be_looked_at_is_no_empty_source(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 300)

    with pytest.raises(EncryptionKeyError, match=f"^Cannot read the key directory {path}: File name"):
        DirectoryKeySource(path).keys()


def test_a_key_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys" / "k2.new").mkdir()
    with pytest.raises(EncryptionKeyError, match=r"^Cannot write key file .*k2\.key: "):
        source.create("k2")

    (tmp_path / "keys" / "k3.key").symlink_to("nowhere")
    with pytest.raises(EncryptionKeyError, match=r"^Cannot read the key file .*k3\.key: No such file"):
        source.keys()


def test_environment_variables_are_keys() -> None:
    encoded = base64.b64encode(bytes(range(32))).decode()
    environ = {"HEADWATER_KEK_K2026_1": encoded, "HEADWATER_DATA_DIR": "/x"}

    assert EnvironmentKeySource(environ=environ).keys() == {"k2026-1": LocalKey("k2026-1", bytes(range(32)))}


def test_a_variable_that_is_no_key_is_refused_without_showing_it() -> None:
    with pytest.raises(EncryptionKeyError, match="HEADWATER_KEK_A: ") as caught:
        EnvironmentKeySource(environ={"HEADWATER_KEK_A": "hunter22"}).keys()
    assert "hunter22" not in str(caught.value)


def test_a_key_that_the_keyring_has_lost_is_missing_and_the_others_are_not() -> None:
    backend = FakeKeyring()
    source = KeyringKeySource(backend=backend)
    for key_id in ("k1", "k2"):
        source.create(key_id)
    backend.delete_password("headwater", "k1")

    assert set(source.keys()) == {"k2"}


def test_the_keyring_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = FakeKeyring()
    monkeypatch.setitem(sys.modules, "keyring", installed)
    KeyringKeySource("mine").create("k1")

    assert set(installed.entries) == {("mine", "k1"), ("mine", "index")}


def test_without_the_distribution_a_keyring_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(EncryptionKeyError, match=r"pip install keyring$"):
        KeyringKeySource().keys()


# --- ring


def test_the_first_source_that_has_an_id_wins() -> None:
    first, second = (InMemoryKeySource([LocalKey("k1", os.urandom(32))]) for _ in range(2))
    second.create("k2")

    ring = KeyRing([first, second])

    assert ring.ids() == ("k1", "k2")
    assert ring.get("k1") is first.keys()["k1"]
    assert ring.source_of("k2") is second


def test_a_key_that_is_added_later_is_found_without_a_restart() -> None:
    source, clock = InMemoryKeySource(), FakeClock()
    ring = KeyRing([source], clock=clock)
    assert ring.get("k1") is None
    source.create("k1")

    assert ring.get("k1") is None, "sources are read at most once a second for one id"
    clock.now += 1
    assert ring.get("k1") is not None


def test_a_miss_of_one_key_does_not_hide_another_that_is_new() -> None:
    source = InMemoryKeySource()
    ring = KeyRing([source], clock=FakeClock())
    assert ring.get("k1") is None
    source.create("k2")

    assert ring.get("k2") is not None


def test_any_number_of_ids_may_be_missed() -> None:
    source, clock = InMemoryKeySource(), FakeClock()
    ring = KeyRing([source], clock=clock)

    assert not any(ring.get(f"k{number}") for number in range(2500))
    source.create("k2499")
    assert ring.get("k2499") is None, "it was looked for a moment ago"
    clock.now += 1
    assert ring.get("k2499") is not None


def test_a_key_that_was_removed_opens_for_a_moment_longer() -> None:
    source, clock = InMemoryKeySource(), FakeClock()
    ring = KeyRing([source], grace=30, clock=clock)
    key = source.create("k1")
    assert ring.get("k1") is key
    source.remove("k1")
    ring.reload()

    assert ring.ids() == ()
    assert ring.get("k1") is key
    clock.now += 0.9  # looked for a moment ago: the sources are not asked again
    assert ring.get("k1") is key
    clock.now += 29.1
    assert ring.get("k1") is None
    assert ring.get("k1") is None


def test_a_removed_key_is_gone_at_its_moment_though_the_sources_were_just_asked() -> None:
    source, clock = InMemoryKeySource(), FakeClock()
    ring = KeyRing([source], grace=0.5, clock=clock)
    key = source.create("k1")
    ring.reload()
    source.remove("k1")
    ring.reload()

    assert ring.get("k1") is key
    clock.now += 0.5
    assert ring.get("k1") is None


def test_a_missing_key_is_reported_with_the_places_that_were_looked_at(tmp_path: Path) -> None:
    ring = KeyRing([EnvironmentKeySource(environ={}), DirectoryKeySource(tmp_path)])

    with pytest.raises(EncryptionKeyError, match=rf"'k1'.*HEADWATER_KEK_\*, directory {tmp_path}"):
        ring.require("k1")


def test_a_ring_without_a_place_for_new_keys_says_so() -> None:
    key = RemoteKey("kms", lambda plain, aad: plain, lambda wrapped, aad: wrapped)
    ring = KeyRing([RemoteKeySource([key], "Vault")])

    assert ring.get("kms") is key
    with pytest.raises(EncryptionKeyError, match="Vault"):
        ring.writable()


def test_a_key_check_of_the_first_release_still_proves_its_key() -> None:
    check = bytes.fromhex(
        "00000000000000000000000066d9d4bac24df7d87a88c250610cf2f1b7203dba85fd2197f07b44b17e018fd0d17279"
    )

    assert passes_check(LocalKey("k1", bytes(range(32))), check)
    assert not passes_check(LocalKey("k2", bytes(range(32))), check)


def test_a_ring_without_sources_has_no_key_source() -> None:
    assert KeyRing([]).describe() == "no key source"


@pytest.mark.parametrize("written", [b"*" * 44, base64.b64encode(bytes(32)) + b"!"])
def test_what_is_no_base64_is_told_from_a_key_of_another_length(tmp_path: Path, written: bytes) -> None:
    source = DirectoryKeySource(tmp_path / "keys")
    source.create("k1")
    (tmp_path / "keys" / "k1.key").write_bytes(written)

    with pytest.raises(EncryptionKeyError, match="this is not base64"):
        source.keys()


def test_answers_of_a_key_service_are_kept_to_their_moment_and_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, asked = FakeClock(), list[bytes]()

    def unwrap(wrapped: bytes, aad: bytes) -> bytes:
        asked.append(wrapped)
        return wrapped

    monkeypatch.setattr("headwater.secrets.keys.time.monotonic", clock)
    key = RemoteKey("kms", lambda plain, aad: plain, unwrap, cache_seconds=10)
    key.unwrap(b"one", b"")
    key.unwrap(b"one", b"")
    clock.now += 10  # to the moment: it is over
    key.unwrap(b"one", b"")
    key.unwrap(b"two", b"")

    assert asked == [b"one", b"one", b"two"]
    assert {wrapped for wrapped, _ in key._cache} == {b"one", b"two"}
    clock.now += 10
    key.unwrap(b"three", b"")
    assert {wrapped for wrapped, _ in key._cache} == {b"three"}
