"""A ticket opens on every host that has the keys, until it expires, and in no other way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from headwater import Headwater
from headwater.datasources import MemoryStore
from headwater.errors import QueryRequestError
from headwater.secrets import InMemoryKeySource
from headwater_engines.flight.tickets import TicketSealer


def sealer(headwater: Headwater, now: list[float] | None = None) -> TicketSealer:
    moment = now or [1000.0]
    return TicketSealer(headwater.data_sources.cipher, lambda: moment[0])


@pytest.fixture(scope="module")
def headwater() -> Headwater:
    return Headwater()


@given(text=st.text(), number=st.integers())
def test_what_was_sealed_is_what_opens(headwater: Headwater, text: str, number: int) -> None:
    sealed = sealer(headwater).seal("read", {"text": text, "number": number}, 60)

    opened = sealer(headwater).open("read", sealed)

    assert (opened["text"], opened["number"]) == (text, number)


def test_another_host_on_the_same_store_and_keys_opens_it() -> None:
    store, keys = MemoryStore(), [InMemoryKeySource()]
    keys[0].create("shared")
    with Headwater(store, key_sources=keys) as planner, Headwater(store, key_sources=keys) as reader:
        sealed = sealer(planner).seal("read", {"query": "SELECT 1"}, 60)

        assert sealer(reader).open("read", sealed)["query"] == "SELECT 1"


def test_a_host_with_other_keys_does_not(headwater: Headwater) -> None:
    with Headwater() as stranger, pytest.raises(QueryRequestError, match="no ticket of this deployment"):
        sealer(stranger).open("read", sealer(headwater).seal("read", {}, 60))


def test_it_expires(headwater: Headwater) -> None:
    now = [1000.0]
    host = sealer(headwater, now)
    sealed = host.seal("read", {}, 60)
    now[0] = 1061.0

    with pytest.raises(QueryRequestError, match="expired"):
        host.open("read", sealed)


def test_it_is_prolonged_by_sealing_what_it_holds_again(headwater: Headwater) -> None:
    now = [1000.0]
    host = sealer(headwater, now)
    sealed = host.seal("read", {"query": "SELECT 1"}, 60)
    now[0] = 1050.0
    sealed = host.seal("read", host.open("read", sealed), 60)
    now[0] = 1100.0

    assert host.open("read", sealed)["query"] == "SELECT 1"


def test_it_is_good_for_one_purpose(headwater: Headwater) -> None:
    host = sealer(headwater)

    with pytest.raises(QueryRequestError, match="no ticket"):
        host.open("read", host.seal("prepared", {}, 60))


@settings(max_examples=300)
@given(data=st.data())
def test_with_any_byte_changed_it_is_no_ticket(headwater: Headwater, data: st.DataObject) -> None:
    host = sealer(headwater)
    sealed = bytearray(host.seal("read", {"query": "SELECT 1"}, 60))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(QueryRequestError, match="no ticket"):
        host.open("read", bytes(sealed))


@given(junk=st.binary(max_size=200))
def test_bytes_that_were_never_sealed_are_no_ticket(headwater: Headwater, junk: bytes) -> None:
    for forged in (junk, b"hwt1" + junk):
        with pytest.raises(QueryRequestError, match="no ticket"):
            sealer(headwater).open("read", forged)


def test_the_statement_cannot_be_read_in_it(headwater: Headwater) -> None:
    sealed = sealer(headwater).seal("read", {"query": "SELECT card FROM customers"}, 60)

    assert b"customers" not in sealed


def test_a_statement_without_measure_is_refused(headwater: Headwater) -> None:
    with pytest.raises(QueryRequestError, match="longer than"):
        sealer(headwater).seal("read", {"query": "x" * 300_000}, 60)
