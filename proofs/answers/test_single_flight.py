"""64 clients with one question cause one query of the database, every time."""

from __future__ import annotations

import asyncio
import json

import pytest

from headwater import Headwater
from headwater.queries import AnswerCache, CacheRule
from headwater_server.auth import CallerLimits
from headwater_server.http import create_app
from options import chosen
from servers.http_host import admin_authenticator, run_host
from servers.mariadb import start_mariadb

CLIENTS = 64

pytestmark = pytest.mark.timeout(0)


def test_one_question_is_one_query(pytestconfig: pytest.Config, report: list[str]) -> None:
    rounds = int(chosen(pytestconfig, "rounds", usual=500, quick=20))
    authenticator, admin = admin_authenticator()
    with (
        start_mariadb() as mariadb,
        Headwater(answer_cache=AnswerCache(CacheRule(ttl=60))) as headwater,
    ):
        headwater.add_data_source(
            "shop", type="mysql", uid="shop", url=mariadb.address, user=mariadb.user,
            secure_json_data={"password": mariadb.password},
        )  # fmt: skip
        limits = CallerLimits(requests_per_second=None, concurrent_requests=None)
        app = create_app(headwater, authenticator=authenticator, limits=limits)
        with run_host(app, admin) as host:
            port = int(host.url.rpartition(":")[2])
            once = asyncio.run(_ask(headwater, port, admin, rounds))
    report.append(f"{CLIENTS} clients with one question: one query of MariaDB in {once} of {rounds} rounds.")
    assert once == rounds


async def _ask(headwater: Headwater, port: int, token: str, rounds: int) -> int:
    """In how many rounds there was one query, and one answer for all."""
    clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CLIENTS)]
    once = 0
    for number in range(rounds):
        request = _request(f"SELECT SLEEP(0.05), {number} AS number", token)
        before = await asyncio.to_thread(_selects, headwater)
        answers = await asyncio.gather(*(_one(*client, request) for client in clients))
        asked = await asyncio.to_thread(_selects, headwater) - before
        once += asked == 1 and len(set(answers)) == 1
    for _, writer in clients:
        writer.close()
    return once


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head[:16], head
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


def _request(sql: str, token: str) -> bytes:
    query = {"refId": "A", "datasource": {"uid": "shop"}, "rawSql": sql, "format": "table"}
    body = json.dumps({"from": "1700000000000", "to": "1700003600000", "queries": [query]}).encode()
    head = (
        f"POST /api/ds/query HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _selects(headwater: Headwater) -> int:
    """How many SELECT statements the server has run."""
    status = headwater.query("shop", "SHOW GLOBAL STATUS LIKE 'Com_select'", cache_ttl=0)
    return int(status.table.column(1)[0].as_py())
