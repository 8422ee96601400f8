"""Keys are changed while readers decrypt and writers encrypt, and the rotating process is killed at random
steps."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from crash.rotation import add_data_sources, read, rotate_once, write
from crash.writer import open_service

from headwater.secrets.rotation import verify
from servers.postgresql import start_postgresql


def rotate_under_load(url: str, folder: Path, rotations: int) -> str:
    """8 readers in 2 processes, 2 writers in one; every other rotation is killed once or twice before it
    ends."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["crash.rotation"])
    keys, chance = str(folder / "keys"), random.Random(rotations)
    service = open_service(url, keys)
    add_data_sources(service)
    stop, results = context.Event(), context.Queue()
    roles: list[tuple[Callable[..., None], int]] = [(read, 4), (read, 4), (write, 2)]
    load = [
        context.Process(target=role, args=(url, keys, stop, results, n), daemon=True) for role, n in roles
    ]
    for process in load:
        process.start()
    try:
        kills = sum(_rotate(context, chance, url, keys, f"round-{number}") for number in range(rotations))
    finally:
        stop.set()
    counts, failures = zip(*(results.get(timeout=60) for _ in load), strict=True)
    for process in load:
        process.join()

    assert [failure for each in failures for failure in each] == []
    assert verify(service.cipher, service.store).bad == ()
    assert service.store.active_key() == f"round-{rotations - 1}"
    assert set(service.store.key_usage()) == {f"round-{rotations - 1}"}
    assert [path.stem for path in Path(keys).glob("*.key")] == [f"round-{rotations - 1}"]
    service.store.close()
    return f"{rotations} rotations, {kills} kills, {sum(counts)} reads and writes beside them, 0 failed"


def _rotate(context: ForkServerContext, chance: random.Random, url: str, keys: str, key_id: str) -> int:
    """One rotation, in as many processes as it takes; how many of them were killed."""
    kills = 0
    for _ in range(chance.choice((0, 1, 2))):
        killed = context.Process(target=rotate_once, args=(url, keys, key_id))
        killed.start()
        killed.join(chance.uniform(0.02, 0.4))
        if killed.is_alive():
            os.kill(killed.pid or 0, signal.SIGKILL)
            kills += 1
        killed.join()
    finishing = context.Process(target=rotate_once, args=(url, keys, key_id))
    finishing.start()
    finishing.join()
    assert finishing.exitcode == 0, f"rotation to {key_id} failed; see its traceback"
    return kills


def test_a_few_rotations_disturb_nobody_on_sqlite(tmp_path: Path) -> None:
    rotate_under_load(f"sqlite:///{tmp_path}/headwater.db", tmp_path, rotations=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_rotations_disturb_nobody_on_sqlite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = rotate_under_load(f"sqlite:///{tmp_path}/headwater.db", tmp_path, rotations=100)
    with capsys.disabled():
        print(f"\nSQLite: {result}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_rotations_disturb_nobody_on_postgresql(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_postgresql() as server:
        result = rotate_under_load(server.new_database("rotation"), tmp_path, rotations=100)
    with capsys.disabled():
        print(f"\nPostgreSQL: {result}")
