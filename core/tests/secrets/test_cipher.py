"""States of secrets, and that nothing but the right bytes in the right place opens."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping

import attrs
import pytest

from headwater.errors import EncryptionKeyError, SecretUnavailableError
from headwater.secrets import (
    FieldState,
    InMemoryKeySource,
    KeyRing,
    LocalKey,
    RemoteKey,
    RemoteKeySource,
    SealedSecrets,
    SecretCipher,
    SecretState,
    wrapping_key_id,
)
from headwater.secrets.envelope import REMOTE, SecretOwner, WrappedKey
from headwater.secrets.keys import WrappingKey

ONE, TWO = SecretOwner("1", "one"), SecretOwner("1", "two")
PLAIN = {"password": "hunter22", "token": "t0ken"}


class Keys:
    """A cipher whose keys and active key a test may change."""

    def __init__(self) -> None:
        self.source = InMemoryKeySource([LocalKey("k1", os.urandom(32))])
        self.active = "k1"

    @property
    def cipher(self) -> SecretCipher:
        return SecretCipher(KeyRing([self.source]), lambda: self.active)


@pytest.fixture
def keys() -> Keys:
    return Keys()


def revealed(cipher: SecretCipher, owner: SecretOwner, stored: SealedSecrets) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in cipher.open(owner, stored).items()}


def states(cipher: SecretCipher, owner: SecretOwner, stored: SealedSecrets) -> dict[str, SecretState]:
    return {name: each.state for name, each in cipher.states(owner, stored).items()}


def test_sealed_secrets_open_for_their_owner(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)

    assert revealed(keys.cipher, ONE, stored) == PLAIN
    assert keys.cipher.states(ONE, stored) == {name: FieldState(name, SecretState.OK, "k1") for name in PLAIN}


def test_one_data_key_serves_all_secrets_of_a_data_source(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    stored = keys.cipher.seal(ONE, stored, {"third": "3"})

    assert len(stored.data_keys) == 1


def test_what_is_not_changed_keeps_its_bytes(keys: Keys) -> None:
    before = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)

    after = keys.cipher.seal(ONE, before, {"token": "new"})

    assert after.records["password"] == before.records["password"]
    assert after.records["token"] != before.records["token"]
    assert after.data_keys == before.data_keys


def test_an_empty_text_removes_a_secret_and_the_last_one_its_data_key(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)

    stored = keys.cipher.seal(ONE, stored, {"token": "", "never there": ""})
    assert set(stored.records) == {"password"}
    assert keys.cipher.seal(ONE, stored, {"password": ""}) == SealedSecrets()


def test_no_key_is_needed_to_carry_or_remove_secrets(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    keys.source.remove("k1")

    assert keys.cipher.seal(ONE, stored, {}) == stored
    assert set(keys.cipher.seal(ONE, stored, {"token": ""}).records) == {"password"}


def test_without_the_key_every_field_says_which_key_is_missing(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    keys.source.remove("k1")

    with pytest.raises(SecretUnavailableError) as caught:
        keys.cipher.open(ONE, stored)

    assert str(caught.value) == (
        "Data source 'one' has secrets that cannot be opened: "
        "password (key_missing, key k1), token (key_missing, key k1)."
    )


def test_one_bad_field_keeps_all_secrets_shut(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    broken = attrs.evolve(stored, records={**stored.records, "token": b"v1 junk"})

    assert states(keys.cipher, ONE, broken) == {"password": SecretState.OK, "token": SecretState.CORRUPT}
    with pytest.raises(SecretUnavailableError, match=r"token \(corrupt\)") as caught:
        keys.cipher.open(ONE, broken)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("plain", [b"hunter22", b"", "hünter".encode()])
def test_plain_text_in_the_store_is_never_taken_for_a_secret(keys: Keys, plain: bytes) -> None:
    stored = SealedSecrets({"password": plain}, {})

    assert states(keys.cipher, ONE, stored) == {"password": SecretState.CORRUPT}


def test_an_unreadable_field_can_be_overwritten_and_its_neighbour_waits_for_the_key(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    lost = keys.source.keys()["k1"]
    keys.source.remove("k1")
    keys.source.create("k2")
    keys.active = "k2"

    stored = keys.cipher.seal(ONE, stored, {"password": "new"})

    assert states(keys.cipher, ONE, stored) == {
        "password": SecretState.OK,
        "token": SecretState.KEY_MISSING,
    }
    assert isinstance(lost, LocalKey)
    keys.source = InMemoryKeySource(
        [lost, *(key for key in keys.source.keys().values() if isinstance(key, LocalKey))]
    )
    assert revealed(keys.cipher, ONE, stored) == {"password": "new", "token": "t0ken"}


def test_overwriting_every_unreadable_field_drops_the_lost_data_key(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    keys.source.remove("k1")
    keys.source.create("k2")
    keys.active = "k2"

    stored = keys.cipher.seal(ONE, stored, {"password": "new", "token": "new"})

    assert [wrapping_key_id(wrapped) for wrapped in stored.data_keys.values()] == ["k2"]


def test_every_swap_between_fields_data_sources_and_data_keys_is_refused(keys: Keys) -> None:
    one = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    two = keys.cipher.seal(TWO, SealedSecrets(), PLAIN)
    (one_id, one_key), (two_id, two_key) = (*one.data_keys.items(), *two.data_keys.items())
    fields_swapped = {"password": one.records["token"], "token": one.records["password"]}
    swaps = {
        "fields": SealedSecrets(fields_swapped, one.data_keys),
        "records of another": SealedSecrets(two.records, one.data_keys),
        "data key of another": SealedSecrets(one.records, {one_id: two_key}),
        "records and data keys of another": two,
        "both data keys, records of another": SealedSecrets(two.records, {**one.data_keys, **two.data_keys}),
        "data key under another's id": SealedSecrets(one.records, {two_id: one_key}),
    }

    for swap, stored in swaps.items():
        assert SecretState.OK not in states(keys.cipher, ONE, stored).values(), swap


def test_every_single_bit_flip_of_a_stored_data_key_is_refused(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), {"password": "p"})
    ((dek_id, wrapped),) = stored.data_keys.items()

    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        flipped = SealedSecrets(stored.records, {dek_id: bytes(changed)})
        assert states(keys.cipher, ONE, flipped)["password"] is not SecretState.OK


def test_another_key_under_the_same_id_is_tampering(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    keys.source = InMemoryKeySource([LocalKey("k1", os.urandom(32))])

    assert set(states(keys.cipher, ONE, stored).values()) == {SecretState.TAMPERED}


def test_sealing_without_the_active_key_is_refused(keys: Keys) -> None:
    keys.active = "k9"

    with pytest.raises(EncryptionKeyError, match="'k9'"):
        keys.cipher.seal(ONE, SealedSecrets(), PLAIN)


def test_rewrapping_changes_the_wrapping_key_alone(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    keys.source.create("k2")
    keys.active = "k2"

    rewrapped = {dek_id: keys.cipher.rewrap(ONE, wrapped) for dek_id, wrapped in stored.data_keys.items()}
    keys.source.remove("k1")

    assert revealed(keys.cipher, ONE, SealedSecrets(stored.records, rewrapped)) == PLAIN


def test_rotating_replaces_data_key_and_records(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)

    rotated = keys.cipher.rotate(ONE, stored)

    assert revealed(keys.cipher, ONE, rotated) == PLAIN
    assert not set(rotated.data_keys) & set(stored.data_keys)
    assert not set(rotated.records.values()) & set(stored.records.values())


def test_a_key_service_that_is_down_is_a_missing_key_and_a_retryable_failure_to_write() -> None:
    down = itertools.count()

    def service(data: bytes, aad: bytes) -> bytes:
        if next(down) > 0:
            raise ConnectionError("no route to kms.internal with token hunter22")
        return data[::-1]

    key = RemoteKey("kms", service, service)
    cipher = SecretCipher(KeyRing([RemoteKeySource([key])]), lambda: "kms")
    stored = cipher.seal(ONE, SealedSecrets(), {"password": "p"})

    assert states(cipher, ONE, stored) == {"password": SecretState.KEY_MISSING}
    with pytest.raises(EncryptionKeyError) as caught:
        cipher.seal(TWO, SealedSecrets(), {"password": "p"})
    assert caught.value.retryable
    assert "hunter22" not in str(caught.value)


def test_a_stored_set_shows_names_but_no_bytes(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)

    assert "'password', 'token'" in repr(stored)
    assert "\\x" not in repr(stored)


def test_each_state_names_its_field_and_its_key(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), {"password": "1"})
    (record,) = stored.records.values()
    ((key_id, wrapped),) = stored.data_keys.items()
    place = WrappedKey.parse(wrapped)
    cases = [
        (
            FieldState("password", SecretState.TAMPERED),
            SealedSecrets({"password": record[:-1] + bytes((record[-1] ^ 1,))}, stored.data_keys),
        ),
        (FieldState("password", SecretState.TAMPERED), SealedSecrets({"password": record}, {})),
        (FieldState("password", SecretState.CORRUPT), SealedSecrets({"password": record}, {key_id: b"junk"})),
        (
            FieldState("password", SecretState.TAMPERED, "k1"),
            SealedSecrets({"password": record}, {key_id: attrs.evolve(place, algorithm=REMOTE).to_bytes()}),
        ),
        (
            FieldState("password", SecretState.KEY_MISSING, "k9"),
            SealedSecrets({"password": record}, {key_id: attrs.evolve(place, kek_id="k9").to_bytes()}),
        ),
    ]

    for expected, changed in cases:
        assert keys.cipher.states(ONE, changed) == {"password": expected}
    assert keys.cipher.states(TWO, stored) == {"password": FieldState("password", SecretState.TAMPERED, "k1")}
    assert wrapping_key_id(wrapped) == "k1"
    assert wrapping_key_id(b"junk") == ""


def test_a_key_service_that_fails_is_named_in_the_state_and_in_the_error() -> None:
    def fail(*_: bytes) -> bytes:
        raise OSError("unreachable")

    ring = KeyRing([RemoteKeySource([RemoteKey("kms", lambda plain, aad: plain, fail)])])
    cipher = SecretCipher(ring, lambda: "kms")
    stored = cipher.seal(ONE, SealedSecrets(), {"password": "1"})

    assert cipher.states(ONE, stored) == {"password": FieldState("password", SecretState.KEY_MISSING, "kms")}
    down = SecretCipher(KeyRing([RemoteKeySource([RemoteKey("kms", fail, fail)])]), lambda: "kms")
    with pytest.raises(EncryptionKeyError, match="Key 'kms' cannot encrypt now") as caught:
        down.seal(ONE, SealedSecrets(), {"password": "1"})
    assert caught.value.retryable


def test_a_new_field_goes_under_the_data_key_that_can_be_opened(keys: Keys) -> None:
    lost = SecretCipher(KeyRing([InMemoryKeySource([LocalKey("k0", os.urandom(32))])]), lambda: "k0")
    unreadable = lost.seal(ONE, SealedSecrets(), {"old": "1"})
    readable = keys.cipher.seal(ONE, SealedSecrets(), {"password": "1"})
    both = SealedSecrets(
        {**unreadable.records, **readable.records}, {**unreadable.data_keys, **readable.data_keys}
    )

    assert keys.cipher.seal(ONE, both, {"token": "2"}).data_keys == both.data_keys


def test_a_data_key_for_something_else_opens_for_its_owner_alone(keys: Keys) -> None:
    dek, wrapped = keys.cipher.new_data_key(ONE)

    assert keys.cipher.open_data_key(ONE, wrapped) == dek
    with pytest.raises(SecretUnavailableError, match=r"'two' .*: data key \(tampered, key k1\)"):
        keys.cipher.open_data_key(TWO, wrapped)


def test_a_source_of_keys_that_cannot_be_read_is_a_missing_key(keys: Keys) -> None:
    class Unreadable(InMemoryKeySource):
        def keys(self) -> Mapping[str, WrappingKey]:
            raise EncryptionKeyError("not readable")

    stored = keys.cipher.seal(ONE, SealedSecrets(), {"password": "1"})
    cipher = SecretCipher(KeyRing([Unreadable()]), lambda: "k1")

    assert cipher.states(ONE, stored) == {"password": FieldState("password", SecretState.KEY_MISSING, "k1")}


def test_no_data_key_goes_while_a_record_cannot_tell_which_it_needs(keys: Keys) -> None:
    stored = keys.cipher.seal(ONE, SealedSecrets(), PLAIN)
    broken = attrs.evolve(stored, records={**stored.records, "token": b"v1 junk"})

    assert keys.cipher.seal(ONE, broken, {"password": ""}).data_keys == stored.data_keys
