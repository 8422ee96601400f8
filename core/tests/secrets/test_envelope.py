"""The stored format: what is sealed opens in its own place and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from headwater.secrets.envelope import (
    AES_256_GCM,
    CorruptRecordError,
    DataKey,
    SecretOwner,
    TamperedRecordError,
    WrappedKey,
    decrypt_with,
    encrypt_with,
    length_prefixed,
    seal,
    unseal,
    wrap_aad,
)

OWNER = SecretOwner("1", "uid-one")
REFUSED = (CorruptRecordError, TamperedRecordError)
texts = st.text(alphabet=st.characters(), max_size=200)


@given(texts, st.text(min_size=1), st.text(max_size=40))
def test_what_is_sealed_is_unsealed(plaintext: str, name: str, uid: str) -> None:
    name, uid = (text.encode("utf-8", "ignore").decode() for text in (name, uid))
    dek, owner = DataKey.generate(), SecretOwner("1", uid)

    assert unseal(dek, seal(dek, plaintext, owner, name), owner, name) == plaintext


def test_the_record_is_laid_out_as_documented() -> None:
    dek = DataKey(bytes(range(16)), b"k" * 32)

    record = seal(dek, "hunter22", OWNER, "password")

    assert record[:2] == b"v1"
    assert record[2] == AES_256_GCM
    assert record[3:19] == dek.id
    assert len(record) == 3 + 16 + 12 + len("hunter22") + 16
    assert b"hunter22" not in record


def test_a_record_of_the_first_release_still_opens() -> None:
    """Made once, and kept: a change that cannot read this loses everybody's passwords."""
    dek = DataKey(bytes(range(16)), bytes(range(32)))
    record = bytes.fromhex(
        "763101000102030405060708090a0b0c0d0e0f"
        "000000000000000000000000"
        "6dd3c7acd04ff79d60c7db467d82caef10a341c1cb9b810503d2c46d27"
    )

    assert unseal(dek, record, SecretOwner("1", "frozen"), "password") == "correct horse"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_every_single_bit_flip_of_a_record_is_refused(plaintext: str) -> None:
    dek = DataKey.generate()
    record = seal(dek, plaintext, OWNER, "password")

    for bit in range(len(record) * 8):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(REFUSED):
            unseal(dek, bytes(changed), OWNER, "password")


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_refused_with_a_known_error(junk: bytes) -> None:
    dek = DataKey.generate()
    for bytes_ in (junk, b"v1\x01" + junk, b"v1\x01" + dek.id + junk):
        with pytest.raises(REFUSED):
            unseal(dek, bytes_, OWNER, "password")


@given(st.data())
def test_a_cut_or_extended_record_is_refused(data: st.DataObject) -> None:
    dek = DataKey.generate()
    record = seal(dek, "hunter22", OWNER, "password")
    cut = data.draw(st.integers(0, len(record) - 1))

    for changed in (record[:cut], record + b"\0"):
        with pytest.raises(REFUSED):
            unseal(dek, changed, OWNER, "password")


def test_a_record_does_not_open_in_another_place_or_under_another_key() -> None:
    dek = DataKey.generate()
    record = seal(dek, "hunter22", OWNER, "password")

    for owner, name in (
        (SecretOwner("1", "uid-two"), "password"),
        (SecretOwner("2", "uid-one"), "password"),
        (OWNER, "token"),
        (SecretOwner("1", "uid-on"), "epassword"),
    ):
        with pytest.raises(TamperedRecordError):
            unseal(dek, record, owner, name)
    for other in (DataKey.generate(), DataKey(dek.id, b"x" * 32), DataKey(b"y" * 16, dek.material)):
        with pytest.raises(TamperedRecordError):
            unseal(other, record, OWNER, "password")


def test_equal_secrets_do_not_look_equal() -> None:
    dek = DataKey.generate()

    assert seal(dek, "hunter22", OWNER, "password") != seal(dek, "hunter22", OWNER, "password")


@given(
    st.binary(min_size=16, max_size=16),
    st.from_regex(r"[a-z0-9]{1,64}", fullmatch=True),
    st.binary(min_size=1, max_size=300),
)
def test_a_wrapped_key_is_parsed_as_written(dek_id: bytes, kek_id: str, wrapped: bytes) -> None:
    key = WrappedKey(dek_id, kek_id, AES_256_GCM, wrapped)

    assert WrappedKey.parse(key.to_bytes()) == key


@given(st.binary(max_size=80))
def test_parsing_arbitrary_bytes_as_a_wrapped_key_never_fails_otherwise(junk: bytes) -> None:
    for bytes_ in (junk, b"v1\x01" + junk, b"v1\x02" + bytes(16) + junk):
        with contextlib.suppress(CorruptRecordError):
            WrappedKey.parse(bytes_)


def test_every_single_bit_flip_of_a_wrapped_key_is_refused() -> None:
    kek, dek = b"k" * 32, DataKey.generate()
    stored = WrappedKey(
        dek.id, "k1", AES_256_GCM, encrypt_with(kek, dek.material, wrap_aad(dek.id, OWNER, "k1"))
    ).to_bytes()

    for bit in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(REFUSED):
            _unwrap(kek, bytes(changed))
    assert _unwrap(kek, stored) == dek.material


def _unwrap(kek: bytes, stored: bytes) -> bytes:
    key = WrappedKey.parse(stored)
    if key.algorithm != AES_256_GCM:
        raise TamperedRecordError
    return decrypt_with(kek, key.wrapped, wrap_aad(key.dek_id, OWNER, key.kek_id))


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_different_parts_give_different_additional_data(left: list[bytes], right: list[bytes]) -> None:
    assert (length_prefixed(*left) == length_prefixed(*right)) == (left == right)


def test_a_data_key_of_the_first_release_still_opens() -> None:
    """Made once, and kept: a change of what it is bound to loses everybody's passwords."""
    wrapped = bytes.fromhex(
        "000000000000000000000000"
        "2e9d97fd9109a59a2081831e3401bfb6e27264601cb45618b8a789b8f9c26369"
        "9777cbee4da5c164019d6383e294c854"
    )
    aad = wrap_aad(bytes(range(16)), SecretOwner("7", "frozen"), "k1")

    assert decrypt_with(bytes(range(32)), wrapped, aad) == bytes(range(32, 64))


@pytest.mark.parametrize(
    "aad",
    [
        wrap_aad(bytes(16), OWNER, "k1"),
        wrap_aad(b"d" * 16, SecretOwner("2", "uid-one"), "k1"),
        wrap_aad(b"d" * 16, SecretOwner("1", "uid-two"), "k1"),
        wrap_aad(b"d" * 16, OWNER, "k2"),
    ],
    ids=["data key", "tenant", "data source", "key"],
)
def test_a_data_key_does_not_open_in_another_place(aad: bytes) -> None:
    wrapped = encrypt_with(bytes(32), b"x" * 32, wrap_aad(b"d" * 16, OWNER, "k1"))

    with pytest.raises(TamperedRecordError):
        decrypt_with(bytes(32), wrapped, aad)


def test_text_that_is_no_unicode_is_kept_as_it_is() -> None:
    dek = DataKey.generate()

    assert unseal(dek, seal(dek, "a\ud800", OWNER, "password"), OWNER, "password") == "a\ud800"


def test_each_refusal_says_what_is_wrong() -> None:
    dek = DataKey(bytes(16), bytes(32))
    record = seal(dek, "hunter22", OWNER, "password")
    wrapped = WrappedKey(dek.id, "k1", AES_256_GCM, b"w").to_bytes()

    def said(refused: Callable[[], object]) -> str:
        with pytest.raises(REFUSED) as caught:
            refused()
        return str(caught.value)

    assert said(lambda: unseal(dek, b"v2" + record[2:], OWNER, "password")) == "not a version 1 record"
    assert said(lambda: unseal(dek, b"v1\x02" + record[3:], OWNER, "x")) == "unknown algorithm 2"
    assert said(lambda: unseal(dek, record[:19], OWNER, "password")) == "the record is cut short"
    assert said(lambda: unseal(dek, record, OWNER, "token")) == "the record is not authentic in this place"
    other = DataKey(b"x" * 16, bytes(32))
    assert said(lambda: unseal(other, record, OWNER, "x")) == "the record was sealed by another data key"
    assert said(lambda: decrypt_with(bytes(32), b"short", b"")) == "not authentic under this key"
    assert said(lambda: WrappedKey.parse(wrapped[:-1])) == "the wrapped data key is cut short"
    foreign = wrapped.replace(b"k1", b"\xff1")
    assert said(lambda: WrappedKey.parse(foreign)) == "the id of the key-encryption key is not text"
