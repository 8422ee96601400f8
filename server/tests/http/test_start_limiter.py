"""Short queries begin one after the other; slow ones hold up nobody."""

from __future__ import annotations

import asyncio

from headwater_server.http.start_limiter import StartLimiter


def test_only_so_many_begin_at_once() -> None:
    async def run() -> list[str]:
        limiter, seen = StartLimiter(1, seconds=60), []

        async def one(name: str) -> None:
            with await limiter.slot():
                seen.append(f"{name} begins")
                await asyncio.sleep(0)
                seen.append(f"{name} ends")

        await asyncio.gather(one("a"), one("b"))
        return seen

    assert asyncio.run(run()) == ["a begins", "a ends", "b begins", "b ends"]


def test_a_slow_one_makes_room_once() -> None:
    async def run() -> int:
        limiter, ended, most, now = StartLimiter(1, seconds=0.001), asyncio.Event(), 0, 0

        async def slow() -> None:
            nonlocal most, now
            with await limiter.slot():
                now += 1
                most = max(most, now)
                if now == 5:
                    ended.set()
                await ended.wait()
                now -= 1

        await asyncio.gather(*(slow() for _ in range(5)))
        with await limiter.slot():  # every slot was given back, and only once
            assert limiter._slots.locked()
        return most

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 5


def test_a_failure_gives_its_place_back() -> None:
    async def run() -> None:
        limiter = StartLimiter(1, seconds=60)
        for _ in range(3):
            try:
                with await limiter.slot():
                    raise LookupError
            except LookupError:
                pass

    asyncio.run(asyncio.wait_for(run(), 5))
