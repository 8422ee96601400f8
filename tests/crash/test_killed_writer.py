"""A writer that is killed at any moment loses nothing that it was told is stored, and leaves nothing
half-written.

The default run kills a few; `nox -s crash` runs the full counts.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest
from attrs import define
from crash.writer import Expectation, open_service, read_state, write_until_killed

from servers.postgresql import start_postgresql
from servers.process import eventually


@define
class Tally:
    kills: int = 0
    acknowledged: int = 0
    completed: int = 0
    slowest_reopening: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.acknowledged} acknowledged writes, 0 lost, 0 torn; "
            f"{self.completed} writes had ended without an acknowledgement; "
            f"slowest reopening {self.slowest_reopening * 1000:.0f} ms"
        )


def kill_writers(url: str, folder: Path, kills: int, sessions: Callable[[], set[int]] = set) -> Tally:
    """Starts and kills one writer after another; checks the store after each.

    `sessions` are the server's, if there is one: what it took from the writer before the kill, it still does.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["crash.writer"])
    chance = random.Random(kills)
    keys, tally = str(folder / "keys"), Tally()
    service = open_service(url, keys)
    state = read_state(service)
    service.store.close()
    for seed in range(1, kills + 1):
        log = folder / f"log-{seed}"
        writer = context.Process(target=write_until_killed, args=(url, keys, str(log), seed))
        writer.start()
        _wait_for_lines(log, chance.randint(1, 8))
        time.sleep(chance.uniform(0, 0.01))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        assert writer.exitcode == -signal.SIGKILL, "the writer ended by itself; see its traceback"

        of_the_dead = sessions()
        expected = Expectation.of(state, log)
        began = time.perf_counter()
        service = open_service(url, keys)
        service.store.list()
        tally.slowest_reopening = max(tally.slowest_reopening, time.perf_counter() - began)
        _wait_for_the_end_of(of_the_dead, sessions)
        state = read_state(service)
        service.store.close()

        assert state in (expected.acknowledged, expected.attempted), f"kill {seed}"
        tally.kills += 1
        tally.acknowledged += expected.acknowledgements
        tally.completed += state != expected.acknowledged
        log.unlink()
    return tally


def _wait_for_lines(log: Path, count: int) -> None:
    def written() -> bool:
        return log.exists() and log.read_bytes().count(b"\n") >= count

    assert eventually(written, 60), "the writer does not start"


def _wait_for_the_end_of(some: set[int], sessions: Callable[[], set[int]]) -> None:
    assert eventually(lambda: not some & sessions(), 30), "the server keeps a killed writer's session"


def check_sqlite(folder: Path, kills: int) -> Tally:
    tally = kill_writers(f"sqlite:///{folder}/headwater.db", folder, kills)
    with sqlite3.connect(folder / "headwater.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return tally


def check_postgresql(folder: Path, kills: int) -> Tally:
    with start_postgresql() as server:
        url = server.new_database("crash")
        return kill_writers(url, folder, kills, lambda: server.sessions("crash"))


def test_a_few_killed_writers_lose_nothing_on_sqlite(tmp_path: Path) -> None:
    assert check_sqlite(tmp_path, kills=15).acknowledged > 0


def test_a_few_killed_writers_lose_nothing_on_postgresql(tmp_path: Path) -> None:
    assert check_postgresql(tmp_path, kills=8).acknowledged > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_killed_writers_lose_nothing_on_sqlite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = check_sqlite(tmp_path, kills=1000)
    with capsys.disabled():
        print(f"\nSQLite: {tally}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_killed_writers_lose_nothing_on_postgresql(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = check_postgresql(tmp_path, kills=200)
    with capsys.disabled():
        print(f"\nPostgreSQL: {tally}")
