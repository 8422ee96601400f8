"""Signing in on the page through an OpenID Connect provider, and out again."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from headwater.errors import HeadwaterError
from headwater_server.auth import AuthenticationError

from .call import Call
from .operations import Answer, Operation
from .responses import json_response
from .session_cookie import (
    attempt_of,
    clear_attempt,
    clear_session,
    session_before,
    session_of,
    set_attempt,
    set_session,
)
from .static_files import PAGE_POLICY

if TYPE_CHECKING:
    from headwater_server.auth.oidc import SingleSignOn

    from .host import Host

_START = "/login/oidc"
_CALLBACK = f"{_START}/callback"
_HTML = ("text/html",)


class LoginProviderBody(Struct, kw_only=True):
    """A way to sign in: `url` is where the browser goes, from the page on."""

    name: str
    url: str


def can_sign_in(host: Host) -> bool:
    sso = host.authenticator.sso
    return sso is not None and bool(sso.settings.client_id)


def sign_in_operations(*, signs_in: bool) -> list[Operation]:
    """All but the list of providers only where there is one: with `signs_in`."""
    providers = Operation(
        method="GET",
        path="/api/login/providers",
        handler=_providers if signs_in else _no_providers,
        summary="How people may sign in on the page, besides with a token.",
        tag="sign-in",
        public=True,
        answers={200: Answer(description="Providers.", type=list[LoginProviderBody])},
    )
    if not signs_in:
        return [providers]
    return [
        providers,
        Operation(
            method="GET",
            path=_START,
            handler=_start,
            summary="Send a browser to the provider.",
            tag="sign-in",
            public=True,
            answers={303: Answer(description="To the provider.", media_types=())},
            statuses=(503,),
        ),
        Operation(
            method="GET",
            path=_CALLBACK,
            handler=_finish,
            summary="Take a browser back from the provider.",
            tag="sign-in",
            public=True,
            answers={
                303: Answer(description="Signed in: to the page.", media_types=()),
                400: Answer(description="Not signed in, and why.", media_types=_HTML),
                403: Answer(description="The provider refused.", media_types=_HTML),
                503: Answer(description="The provider does not answer.", media_types=_HTML),
            },
            statuses=(429,),
        ),
        Operation(
            method="POST",
            path="/logout",
            handler=_sign_out,
            summary="End the session of the page.",
            tag="sign-in",
            public=True,
            answers={204: Answer(description="Signed out.", media_types=())},
            statuses=(403,),
        ),
    ]


async def _providers(call: Call) -> Response:
    return json_response([LoginProviderBody(name=_sso(call).settings.name, url=_START.lstrip("/"))])


async def _no_providers(_call: Call) -> Response:
    return json_response([])


async def _start(call: Call) -> Response:
    from headwater_server.auth.oidc.sign_in import Attempt

    attempt, root_url = Attempt.new(), call.host.options.root_url
    try:
        sign_in = _sso(call).sign_in
        address = await call.host.run(lambda: sign_in.address(attempt, _redirect_uri(root_url)))
    except HeadwaterError as error:
        return _failed(call, error)
    response = RedirectResponse(address, 303)
    set_attempt(response, attempt.cookie, root_url)
    return response


async def _finish(call: Call) -> Response:
    """Where it ends is always this host's page: nothing in the request can name another place."""
    from headwater_server.auth.oidc.sign_in import Attempt

    host, request, root_url = call.host, call.request, call.host.options.root_url
    host.limiter.check_failures(call.record.address)
    sso, attempt = _sso(call), Attempt.from_cookie(attempt_of(request, root_url))
    answer = dict(request.query_params)
    try:
        identity = await host.run(lambda: sso.sign_in.finish(attempt, answer, _redirect_uri(root_url)))
        before = session_before(request, root_url)
        session_id = await host.run(lambda: sso.begin_session(identity, before))
    except HeadwaterError as error:
        if error.status < 500:  # a provider that is down is no fault of who signs in
            host.metrics.failed_logins.inc()
            host.limiter.record_failure(call.record.address)
        call.record.add_event("login")
        return _failed(call, error)
    call.record.who = identity.principal_id
    call.record.add_event("login")
    response = RedirectResponse(f"{root_url.rstrip('/')}/", 303)
    clear_attempt(response, root_url)
    set_session(response, session_id, root_url, int(sso.settings.session_lifetime.total_seconds()))
    return response


async def _sign_out(call: Call) -> Response:
    host, root_url, sso = call.host, call.host.options.root_url, _sso(call)
    session_id = session_of(call.request, root_url)  # refuses other sites
    if session_id:
        try:
            principal = await host.authenticate("", call.record.address, session_id=session_id)
            call.record.who = principal.id
        except AuthenticationError:
            pass  # it had ended
        await host.run(lambda: sso.end_session(session_id))
        call.record.add_event("logout")
    response = Response(status_code=204)
    clear_session(response, root_url)
    return response


def _failed(call: Call, error: HeadwaterError) -> Response:
    """A page that says why, for whom the provider's redirection brought here."""
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Headwater</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="{root}explore.css"><main class="login"><h1>Not signed in</h1>'
        '<p class="error" role="alert">{reason}</p><p><a href="{root}">Back to the page</a></p>'
        '<p class="hint">Request {request}</p></main></html>'
    ).format(
        root=escape(f"{call.host.options.root_url.rstrip('/')}/"),
        reason=escape(str(error)),
        request=escape(call.record.request_id),
    )
    headers = {"content-security-policy": PAGE_POLICY}
    response = Response(text, error.status, headers, media_type="text/html")
    clear_attempt(response, call.host.options.root_url)
    return response


def _redirect_uri(root_url: str) -> str:
    return f"{root_url.rstrip('/')}{_CALLBACK}"


def _sso(call: Call) -> SingleSignOn:
    sso = call.host.authenticator.sso
    assert sso is not None
    return sso
