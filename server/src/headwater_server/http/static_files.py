"""Files that ship with the wheel: the page, if it was built. Everything of it comes from this origin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

FOLDER = Path(str(resources.files(__package__))) / "static"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline scripts or styles, no evaluation of text, nothing from elsewhere."""


class PageFiles(StaticFiles):
    """Static files under a strict Content-Security-Policy."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headwater.record"].route = "/{file}"
        if scope["method"] not in ("GET", "HEAD"):  # else a mistyped path of the API would seem to exist
            raise HTTPException(404)
        await super().__call__(scope, receive, send)

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["content-security-policy"] = PAGE_POLICY
        response.headers["cache-control"] = "no-cache"
        return response


def page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Routes for the page at `/`; none if it was not built."""
    if not (folder / "index.html").is_file():
        return []
    return [
        *(Route(path, _from_grafana(path)) for path in _GRAFANA_PATHS),
        Mount("/", PageFiles(directory=folder, html=True), name="page"),
    ]


_GRAFANA_PATHS = (
    "/explore",
    "/connections/datasources",
    "/connections/datasources/edit/{uid}",
    "/datasources/edit/{uid}",
)


def _from_grafana(path: str) -> Callable[[Request], Awaitable[Response]]:
    """To the page, with what a link of Grafana's clients asks for in the fragment: the page reads it there.

    The way there is relative: a proxy may have this host under a path of which it does not tell.
    """
    up = "../" * (path.count("/") - 1) or "./"

    async def redirect(request: Request) -> Response:
        request.scope["headwater.record"].route = path
        if path == "/explore":
            state = {name: request.query_params.get(name, "") for name in ("panes", "left")}
        else:
            state = {"page": "sources", "edit": request.path_params.get("uid", "")}
        return RedirectResponse(f"{up}#{urlencode({name: text for name, text in state.items() if text})}")

    return redirect
