"""`headwater.asgi` in a bare Starlette app; FastAPI with it is examples/fastapi_app.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from headwater import Headwater, HeadwaterError
from headwater.asgi import error_response, get_headwater, lifespan, while_connected
from headwater.datasources import MemoryStore
from headwater.secrets import InMemoryKeySource


def add_data_sources(headwater: Headwater) -> None:
    headwater.add_data_source("demo", type="testdata")


async def rows(request: Request) -> Response:
    query = {"scenario": "streaming_rows", "rows": int(request.query_params["rows"])}
    asking = get_headwater(request).query(request.query_params.get("source", "demo"), query)
    return JSONResponse((await while_connected(request, asking)).num_rows)


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(
        routes=[Route("/rows", rows)],
        lifespan=lifespan(add_data_sources, allow_plugins={"testdata"}),
        exception_handlers={HeadwaterError: error_response},
    )
    with TestClient(app) as client:
        yield client


def test_requests_find_the_host_that_the_lifespan_opened(client: TestClient) -> None:
    assert client.get("/rows", params={"rows": 3}).json() == 3


def test_an_error_is_an_answer_that_says_whose_fault_it_is(client: TestClient) -> None:
    answer = client.get("/rows", params={"rows": 3, "source": "nothing"})
    assert answer.status_code == 404
    assert answer.json() == {
        "message": "There is no data source 'nothing'.", "source": "caller", "retryable": False,
    }  # fmt: skip


def test_the_host_ends_with_the_app() -> None:
    opened: list[Headwater] = []
    with TestClient(Starlette(lifespan=lifespan(opened.append))):
        add_data_sources(opened[0])
    with pytest.raises(RuntimeError, match="has been closed"):
        opened[0].query("demo", {"scenario": "random_walk"})


def test_data_sources_may_be_there_already() -> None:
    async def names(request: Request) -> Response:
        return JSONResponse([each.name for each in await get_headwater(request).list_data_sources()])

    options: dict[str, Any] = {"store": MemoryStore(), "key_sources": [InMemoryKeySource()]}
    with Headwater(**options) as headwater:
        add_data_sources(headwater)
    app = Starlette(routes=[Route("/names", names)], lifespan=lifespan(**options))
    with TestClient(app) as client:
        assert client.get("/names").json() == ["demo"]


def test_a_failure_of_another_kind_is_not_dressed_up() -> None:
    failure = KeyError("a bug")
    with pytest.raises(KeyError) as caught:
        asyncio.run(error_response(Request({"type": "http"}), failure))
    assert caught.value is failure


def test_without_the_lifespan_a_sentence_says_what_is_missing() -> None:
    client = TestClient(Starlette(routes=[Route("/rows", rows)]))  # not entered: no lifespan
    with pytest.raises(RuntimeError, match="give the app lifespan="):
        client.get("/rows", params={"rows": 3})


def test_what_was_begun_for_a_client_that_leaves_is_cancelled() -> None:
    cancelled: list[bool] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    with pytest.raises(HTTPException) as caught:
        asyncio.run(while_connected(Request({"type": "http"}, receive), work()))
    assert caught.value.status_code == 499
    assert cancelled


def test_a_request_that_the_server_ends_is_cancelled_with_its_work() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("the client stays")

    async def main() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            try:
                began.set()
                await asyncio.Event().wait()
            finally:
                ended.set()

        request = asyncio.create_task(while_connected(Request({"type": "http"}, receive), work()))
        await began.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert ended.is_set()

    asyncio.run(main())
