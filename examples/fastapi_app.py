"""FastAPI: one host for the app; JSON, and Arrow while it arrives; a client that leaves ends its query.

    pip install 'headwater[yaml]' headwater-testdata headwater-server fastapi
    uvicorn --timeout-graceful-shutdown 10 fastapi_app:app
    curl localhost:8000/query/demo --json '{"scenario": "streaming_rows", "rows": 3}'

Below /grafana is the API of the reference host, for the user `admin` with the password in ADMIN_PASSWORD.
Whoever reaches the rest may run any query: put your own authentication in front.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from headwater import AsyncFrameStream, AsyncHeadwater, Headwater, Secret
from headwater.asgi import LifespanState, error_response, get_headwater, lifespan, while_connected
from headwater.datasources import provision
from headwater.errors import HeadwaterError
from headwater.models import HealthStatus
from headwater_server.auth import Authenticator, MemoryTokenStore
from headwater_server.http import create_app


def add_data_sources(headwater: Headwater) -> None:
    """Those of the file that HEADWATER_PROVISIONING names, or else one that needs no server."""
    if file := os.environ.get("HEADWATER_PROVISIONING"):
        provision(headwater.data_sources, [file])
    else:
        headwater.add_data_source(name="demo", type="testdata")


@asynccontextmanager
async def with_grafana(app: FastAPI) -> AsyncIterator[LifespanState]:
    """The host, and the reference host's API on it. Without ADMIN_PASSWORD nobody gets into that."""
    async with lifespan(add_data_sources)(app) as state:
        password = Secret(os.environ.get("ADMIN_PASSWORD", ""))
        authenticator = Authenticator(MemoryTokenStore(), admin_password=password)
        grafana = create_app(state["headwater"].headwater, authenticator=authenticator)
        app.mount("/grafana", grafana)
        try:
            yield state
        finally:
            grafana.close()


Host = Annotated[AsyncHeadwater, Depends(get_headwater)]


async def opened_stream(
    data_source: str, query: dict[str, Any], request: Request, headwater: Host
) -> AsyncIterator[AsyncFrameStream]:
    """A stream that is closed after the answer. Its errors before the first rows become the answer."""
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(headwater.stream(data_source, query))
        yield await while_connected(request, opening)


Stream = Annotated[AsyncFrameStream, Depends(opened_stream)]

app = FastAPI(
    title="Headwater in FastAPI",
    lifespan=with_grafana,
    exception_handlers={HeadwaterError: error_response},
)


@app.get("/health/{data_source}")
async def health(data_source: str, headwater: Host) -> JSONResponse:
    result = await headwater.check_health(data_source, timeout=5)
    status = 200 if result.status is HealthStatus.OK else 503
    return JSONResponse({"status": result.status.name, "message": result.message}, status)


@app.post("/query/{data_source}")
async def query(data_source: str, query: dict[str, Any], request: Request, headwater: Host) -> dict[str, Any]:
    asking = headwater.query(data_source, query, timeout=60, max_rows=10_000)
    frame = await while_connected(request, asking)
    return {"rows": frame.to_pylist(), "notices": [notice.text for notice in frame.notices]}


@app.post("/arrow/{data_source}")
async def arrow(stream: Stream) -> StreamingResponse:
    """Sent while rows arrive; the server cancels it when the client leaves."""
    return StreamingResponse(stream.encode(), media_type="application/vnd.apache.arrow.stream")
