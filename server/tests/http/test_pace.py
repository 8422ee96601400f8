"""Short queries begin one after the other; slow ones hold up nobody."""

from __future__ import annotations

import asyncio

from headwater_server.http.pace import Pace


def test_only_so_many_begin_at_once() -> None:
    async def run() -> list[str]:
        pace, seen = Pace(1, seconds=60), []

        async def one(name: str) -> None:
            async with pace.turn():
                seen.append(f"{name} begins")
                await asyncio.sleep(0)
                seen.append(f"{name} ends")

        await asyncio.gather(one("a"), one("b"))
        return seen

    assert asyncio.run(run()) == ["a begins", "a ends", "b begins", "b ends"]


def test_a_slow_one_makes_room_once() -> None:
    async def run() -> int:
        pace, ended, most, now = Pace(1, seconds=0.001), asyncio.Event(), 0, 0

        async def slow() -> None:
            nonlocal most, now
            async with pace.turn():
                now += 1
                most = max(most, now)
                if now == 5:
                    ended.set()
                await ended.wait()
                now -= 1

        await asyncio.gather(*(slow() for _ in range(5)))
        async with pace.turn():  # every place was given back, and only once
            assert pace._places.locked()
        return most

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 5


def test_a_failure_gives_its_place_back() -> None:
    async def run() -> None:
        pace = Pace(1, seconds=60)
        for _ in range(3):
            try:
                async with pace.turn():
                    raise LookupError
            except LookupError:
                pass

    asyncio.run(asyncio.wait_for(run(), 5))
