"""Files that ship with the wheel: the page, if it was built. Everything of it comes from this origin."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
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
    return [Mount("/", PageFiles(directory=folder, html=True), name="page")]
