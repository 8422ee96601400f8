"""Cookies of the page: the session, and a sign-in under way."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from headwater_server.auth import PermissionDeniedError

_SESSION = "headwater-session"
_ATTEMPT = "headwater-sign-in"
_ATTEMPT_SECONDS = 600
_READING = ("GET", "HEAD")


def session_of(request: Request, root_url: str) -> str:
    """The id of the caller's session, empty if there is none.

    Raises PermissionDeniedError if another site makes the browser call.
    """
    session_id = session_before(request, root_url)
    if session_id and not _is_from_here(request, root_url):
        raise PermissionDeniedError("Access denied: another site asked the browser for this")
    return session_id


def session_before(request: Request, root_url: str) -> str:
    """The same, whoever made the browser call: only for ending that session."""
    return request.cookies.get(_name(_SESSION, root_url), "")


def _is_from_here(request: Request, root_url: str) -> bool:
    """Whether a browser says that this host's own page, or its user, makes the call. Browsers say so in
    `Sec-Fetch-Site`; very old ones only name the origin, and only where something may change."""
    site = request.headers.get("sec-fetch-site")
    reads = request.method in _READING
    if site is not None:
        return site == "same-origin" or (site == "none" and reads)
    return reads or request.headers.get("origin") == _origin(root_url)


def attempt_of(request: Request, root_url: str) -> str:
    return request.cookies.get(_name(_ATTEMPT, root_url), "")


def set_session(response: Response, session_id: str, root_url: str, seconds: int) -> None:
    """Strict: the page's own calls carry it, and nothing that another site links to or sends."""
    _set(response, _SESSION, session_id, root_url, seconds, strict=True)


def set_attempt(response: Response, attempt: str, root_url: str) -> None:
    """Lax: the provider's redirection must bring it back."""
    _set(response, _ATTEMPT, attempt, root_url, _ATTEMPT_SECONDS, strict=False)


def clear_session(response: Response, root_url: str) -> None:
    _set(response, _SESSION, "", root_url, 0, strict=True)


def clear_attempt(response: Response, root_url: str) -> None:
    _set(response, _ATTEMPT, "", root_url, 0, strict=False)


def _set(response: Response, name: str, value: str, root_url: str, seconds: int, *, strict: bool) -> None:
    response.set_cookie(
        _name(name, root_url),
        value,
        max_age=seconds,
        path=_path(root_url),
        secure=_is_secure(root_url),
        httponly=True,
        samesite="strict" if strict else "lax",
    )


def _name(name: str, root_url: str) -> str:
    """Its prefix keeps neighbours under the same domain from setting it (`__Host-`), or at least whoever is
    on the way of plain HTTP (`__Secure-`): browsers refuse those that do not keep its rules."""
    if not _is_secure(root_url):
        return name
    return f"__Host-{name}" if _path(root_url) == "/" else f"__Secure-{name}"


def _path(root_url: str) -> str:
    return f"{urlsplit(root_url).path.rstrip('/')}/"


def _is_secure(root_url: str) -> bool:
    return urlsplit(root_url).scheme == "https"


def _origin(root_url: str) -> str:
    parts = urlsplit(root_url)
    return f"{parts.scheme}://{parts.netloc}"
