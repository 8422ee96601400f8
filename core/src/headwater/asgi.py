"""For Starlette and FastAPI: one host for the app's life, and queries that end when their client leaves.

    app = FastAPI(lifespan=lifespan(add_data_sources), exception_handlers={HeadwaterError: error_response})

    @app.get("/orders")
    async def orders(request: Request, headwater: Annotated[AsyncHeadwater, Depends(get_headwater)]) -> ...:
        return (await while_connected(request, headwater.query("shop", "SELECT …"))).to_pylist()

Starlette is the application's: nothing else of Headwater needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypedDict, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from .aio import AsyncHeadwater
from .errors import HeadwaterError
from .host import Headwater

__all__ = ["LifespanState", "error_response", "get_headwater", "lifespan", "while_connected"]

T = TypeVar("T")


class LifespanState(TypedDict):
    headwater: AsyncHeadwater


def lifespan(
    setup: Callable[[Headwater], object] | None = None, **options: Any
) -> Callable[[Any], AbstractAsyncContextManager[LifespanState]]:
    """A lifespan that opens a host when the app starts and closes it, with its queries, when it stops.

    `setup` gets the host first, in a thread: to add or provision data sources. `options` are those of
    `Headwater`. Requests find the host as `request.state.headwater`. In a lifespan of your own, enter
    `lifespan(…)(app)` and yield its state with yours.
    """

    @asynccontextmanager
    async def running(_app: Any) -> AsyncIterator[LifespanState]:
        async with AsyncHeadwater(**options) as headwater:
            if setup is not None:
                await asyncio.to_thread(setup, headwater.headwater)
            yield {"headwater": headwater}

    return running


def get_headwater(connection: HTTPConnection) -> AsyncHeadwater:
    """The app's host: a dependency for FastAPI, a plain call in Starlette.

    Raises RuntimeError if the app has no `lifespan`, or the server left it out.
    """
    headwater: AsyncHeadwater | None = getattr(connection.state, "headwater", None)
    if headwater is None:
        raise RuntimeError("no host: give the app lifespan=headwater.asgi.lifespan(…), and let it run")
    return headwater


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. When the client leaves before, `work` is cancelled, down to the database.

    Read the request's body first. Raises HTTPException with 499 if the client left.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    gone.add_done_callback(lambda _: task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        if gone.done():
            raise HTTPException(499, "The client went away.") from None
        raise
    finally:
        gone.cancel()


async def error_response(_request: Request, error: Exception) -> Response:
    """A handler of `HeadwaterError`: its status, and JSON that says whose fault it is and whether trying
    again may help. Its text is made for clients: no secret, no address of a database, no stack."""
    if not isinstance(error, HeadwaterError):
        raise error
    body = {"message": error.message, "source": error.source, "retryable": error.retryable}
    return JSONResponse(body, error.status)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
