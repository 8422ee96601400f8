"""Pieces of an answer, made ahead of a client: in order, bounded, and no more once nobody takes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from headwater_server.http.prefetch import PrefetchBuffer


async def all_of(body: PrefetchBuffer) -> list[bytes]:
    threading.Thread(target=body.produce, daemon=True).start()
    taken = []
    while piece := await body.take():
        taken.append(piece)
    return taken


@given(st.lists(st.binary(max_size=20)), st.integers(1, 40), st.integers(1, 40))
def test_all_bytes_arrive_in_order(pieces: list[bytes], enough: int, more: int) -> None:
    body = PrefetchBuffer(iter(pieces), least=enough, most=enough + more)
    taken = asyncio.run(all_of(body))
    assert b"".join(taken) == b"".join(pieces)
    assert all(len(each) >= enough for each in taken[:-1])


def test_no_more_is_made_than_the_bound_and_one_piece() -> None:
    made = 0
    full = threading.Event()

    def pieces() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            if made == 10:
                full.set()
            yield b"x" * 10

    async def stalled() -> None:
        body = PrefetchBuffer(pieces(), most=100)
        worker = threading.Thread(target=body.produce)
        worker.start()
        await body.ready()
        await asyncio.to_thread(full.wait, 5)
        await asyncio.sleep(0.05)  # time for what must not come
        body.close()
        await asyncio.to_thread(worker.join, 5)
        assert not worker.is_alive()

    asyncio.run(stalled())
    assert made == 10


def test_closing_it_closes_what_the_pieces_come_from() -> None:
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    async def left() -> None:
        body = PrefetchBuffer(pieces())
        threading.Thread(target=body.produce, daemon=True).start()
        assert await body.take()
        body.close()

    asyncio.run(left())
    assert closed.wait(5)


def test_a_failure_comes_after_the_pieces_before_it() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("second")

    async def read() -> None:
        body = PrefetchBuffer(pieces())
        body.produce()
        await body.ready()
        assert await body.take() == b"first"
        with pytest.raises(LookupError, match="second"):
            await body.take()

    asyncio.run(read())


def test_a_failure_before_the_first_piece_is_known_before_anything_is_sent() -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b""]
        raise LookupError("at once")

    async def read() -> None:
        body = PrefetchBuffer(pieces())
        threading.Thread(target=body.produce, daemon=True).start()
        with pytest.raises(LookupError, match="at once"):
            await body.ready()

    asyncio.run(read())


def test_what_is_put_between_comes_after_what_is_made() -> None:
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first "
        go_on.wait(10)
        yield b"last"

    async def run() -> bytes:
        ahead = PrefetchBuffer(pieces())
        threading.Thread(target=ahead.produce, daemon=True).start()
        taken = await ahead.take()
        ahead.insert(b"between ")
        taken += await ahead.take()
        go_on.set()
        while piece := await ahead.take():
            taken += piece
        ahead.insert(b"too late")
        return taken

    assert asyncio.run(run()) == b"first between last"
