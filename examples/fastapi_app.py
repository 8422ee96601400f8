"""FastAPI: one host for the app; JSON, and Arrow while it arrives; a client that leaves ends its query.

    pip install 'headwater[yaml]' headwater-testdata headwater-server fastapi
    uvicorn --timeout-graceful-shutdown 10 fastapi_app:app
    curl localhost:8000/query/demo --json '{"scenario": "streaming_rows", "rows": 3}'

Below /grafana is the API of the reference host, for the user `admin` with the password in ADMIN_PASSWORD.
Whoever reaches the rest may run any query: put your own authentication in front.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse

from headwater import AsyncFrameStream, AsyncHeadwater, Headwater, Secret
from headwater.datasources import provision
from headwater.errors import HeadwaterError
from headwater.models import HealthStatus
from headwater_server.auth import Authenticator, MemoryTokenStore
from headwater_server.http import create_app

T = TypeVar("T")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncHeadwater() as headwater:
        await asyncio.to_thread(add_data_sources, headwater.headwater)
        grafana = create_app(headwater.headwater, authenticator=authenticator())
        app.mount("/grafana", grafana)
        app.state.headwater = headwater
        try:
            yield
        finally:
            grafana.close()


def host(request: Request) -> AsyncHeadwater:
    headwater: AsyncHeadwater = request.app.state.headwater
    return headwater


async def opened_stream(
    data_source: str, query: dict[str, Any], request: Request, headwater: Host
) -> AsyncIterator[AsyncFrameStream]:
    """A stream that is closed after the answer. Its errors before the first rows become the answer."""
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(headwater.stream(data_source, query))
        yield await unless_gone(request, opening)


Host = Annotated[AsyncHeadwater, Depends(host)]
Stream = Annotated[AsyncFrameStream, Depends(opened_stream)]

app = FastAPI(title="Headwater in FastAPI", lifespan=lifespan)


@app.get("/health/{data_source}")
async def health(data_source: str, headwater: Host) -> JSONResponse:
    result = await headwater.check_health(data_source, timeout=5)
    status = 200 if result.status is HealthStatus.OK else 503
    return JSONResponse({"status": result.status.name, "message": result.message}, status)


@app.post("/query/{data_source}")
async def query(data_source: str, query: dict[str, Any], request: Request, headwater: Host) -> dict[str, Any]:
    frame = await unless_gone(request, headwater.query(data_source, query, timeout=60, max_rows=10_000))
    return {"rows": frame.to_pylist(), "notices": [notice.text for notice in frame.notices]}


@app.post("/arrow/{data_source}")
async def arrow(stream: Stream) -> StreamingResponse:
    """Sent while rows arrive; the server cancels it when the client leaves."""
    return StreamingResponse(stream.encode(), media_type="application/vnd.apache.arrow.stream")


@app.exception_handler(HeadwaterError)
async def failed(_request: Request, error: HeadwaterError) -> JSONResponse:
    content = {"message": error.message, "source": error.source, "retryable": error.retryable}
    return JSONResponse(content, error.status)


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. When the client leaves before, `work` is cancelled, down to the database."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(disconnected(request))
    gone.add_done_callback(lambda _: task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        if gone.done():
            raise HTTPException(499, "The client went away.") from None
        raise
    finally:
        gone.cancel()


async def disconnected(request: Request) -> None:
    """Return when the client leaves. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def add_data_sources(headwater: Headwater) -> None:
    """Those of the file that HEADWATER_PROVISIONING names, or else one that needs no server."""
    if file := os.environ.get("HEADWATER_PROVISIONING"):
        provision(headwater.data_sources, [file])
    else:
        headwater.add_data_source(name="demo", type="testdata")


def authenticator() -> Authenticator:
    """Without a password nobody gets in."""
    return Authenticator(MemoryTokenStore(), admin_password=Secret(os.environ.get("ADMIN_PASSWORD", "")))
