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
