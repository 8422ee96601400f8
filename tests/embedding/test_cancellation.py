"""Whatever ends a call in an embedding program ends the statement in the database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater import AsyncHeadwater, Headwater
from servers.http_host import eventually
from servers.mysql_family import DatabaseServer

SLEEP = "SELECT SLEEP(120) /* busy */"
LONG = "SELECT seq, REPEAT('x', 1000) AS filling FROM seq_1_to_1000000000 /* busy */"
STOP_SECONDS = 20.0


@asynccontextmanager
async def opened(server: DatabaseServer) -> AsyncIterator[AsyncHeadwater]:
    async with AsyncHeadwater() as headwater:
        await asyncio.to_thread(add_shop, headwater.headwater, server)
        yield headwater


def add_shop(headwater: Headwater, server: DatabaseServer) -> None:
    headwater.add_data_source(
        "shop", type="mysql", url=server.address, user=server.user, database=server.database,
        secure_json_data={"password": server.password},
    )  # fmt: skip


async def becomes(condition: Callable[[], bool]) -> bool:
    return await asyncio.to_thread(eventually, condition)


def test_cancelling_a_task_ends_the_statement(mariadb: DatabaseServer, busy: Callable[[], int]) -> None:
    async def main() -> None:
        async with opened(mariadb) as headwater:
            task = asyncio.create_task(headwater.query("shop", SLEEP))
            assert await becomes(lambda: busy() == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await becomes(lambda: busy() == 0)
            assert (await headwater.query("shop", "SELECT 1 AS n")).to_pylist() == [{"n": 1}]

    asyncio.run(main())


def test_a_timeout_of_asyncio_ends_the_statement(mariadb: DatabaseServer, busy: Callable[[], int]) -> None:
    async def main() -> None:
        async with opened(mariadb) as headwater:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await headwater.query("shop", SLEEP)
            assert await becomes(lambda: busy() == 0)

    asyncio.run(main())


def test_a_failing_neighbour_in_a_task_group_ends_the_statement(
    mariadb: DatabaseServer, busy: Callable[[], int]
) -> None:
    async def fail() -> None:
        assert await becomes(lambda: busy() == 1)
        raise KeyError("a bug")

    async def side_by_side(*calls: Coroutine[Any, Any, object]) -> None:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(call)

    async def main() -> None:
        async with opened(mariadb) as headwater:
            with pytest.raises(ExceptionGroup):
                await side_by_side(headwater.query("shop", SLEEP), fail())
            assert await becomes(lambda: busy() == 0)

    asyncio.run(main())


def test_leaving_a_stream_ends_the_statement(mariadb: DatabaseServer, busy: Callable[[], int]) -> None:
    async def main() -> None:
        async with opened(mariadb) as headwater:
            async with headwater.stream("shop", LONG) as stream:
                async for batch in stream:
                    assert batch.num_rows
                    assert busy() == 1
                    break
            assert await becomes(lambda: busy() == 0)

    asyncio.run(main())


PROGRAM = """
import sys
from headwater import Headwater

headwater = Headwater()
url, user, database, password = sys.argv[1:]
shop = {"url": url, "user": user, "database": database, "secure_json_data": {"password": password}}
headwater.add_data_source("shop", type="mysql", **shop)
"""


def program(body: str, server: DatabaseServer, folder: Path) -> list[str]:
    file = folder / "program.py"
    file.write_text(PROGRAM + body)
    return [sys.executable, str(file), server.address, server.user, server.database, server.password]


def test_an_interrupted_program_ends_its_statement(
    mariadb: DatabaseServer, busy: Callable[[], int], tmp_path: Path
) -> None:
    """Ctrl-C, or a notebook's stop button."""
    command = program(f"headwater.query('shop', {SLEEP!r})\n", mariadb, tmp_path)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert eventually(lambda: busy() == 1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=STOP_SECONDS)
    assert told.endswith("KeyboardInterrupt\n")
    assert eventually(lambda: busy() == 0)


UNCLOSED = {
    "idle": "headwater.query('shop', 'SELECT 1')",
    "in mid-stream": f"stream = headwater.stream('shop', {LONG!r})\nnext(stream)",
    "in mid-query": f"""
import contextlib, threading, time

def ask():
    with contextlib.suppress(Exception):
        headwater.query('shop', {SLEEP!r})

threading.Thread(target=ask, daemon=True).start()
time.sleep(1)
""",
    "in the stream of a host that nobody holds": f"""
stream, headwater = headwater.stream('shop', {LONG!r}), None
next(stream)
""",
    "in a suspended generator": f"""
def rows():
    yield from headwater.stream('shop', {LONG!r})

suspended = rows()
next(suspended)
""",
}


@pytest.mark.parametrize("body", UNCLOSED.values(), ids=UNCLOSED.keys())
def test_a_program_that_forgets_to_close_its_host_ends_all_the_same(
    mariadb: DatabaseServer, busy: Callable[[], int], tmp_path: Path, body: str
) -> None:
    done = subprocess.run(
        program(body, mariadb, tmp_path), capture_output=True, text=True, timeout=STOP_SECONDS, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert eventually(lambda: busy() == 0)


def test_a_forked_child_neither_uses_nor_breaks_its_parents_connection(
    mariadb: DatabaseServer, tmp_path: Path
) -> None:
    body = """
import os
import warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of every fork of a process with threads
before = headwater.query("shop", "SELECT CONNECTION_ID() AS id").to_pylist()
child = os.fork()
if child == 0:
    try:
        headwater.query("shop", "SELECT 1")
    except RuntimeError as error:
        print(error)
    headwater.close()
    sys.exit(0)  # with everything that Python does at its end
assert os.waitpid(child, 0)[1] == 0
assert headwater.query("shop", "SELECT CONNECTION_ID() AS id").to_pylist() == before
"""
    done = subprocess.run(
        program(body, mariadb, tmp_path), capture_output=True, text=True, timeout=STOP_SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "open one in each process, after the fork" in done.stdout
