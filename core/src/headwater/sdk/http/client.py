"""`HttpClient`: a keep-alive pool to one data source."""

from __future__ import annotations

import base64
import string
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.util.request import ACCEPT_ENCODING

from headwater.calls.context import CallContext
from headwater.errors import DownstreamProtocolError, ValidationError
from headwater.plugins.text_patterns import ONE_LINE, check_text
from headwater.sdk.paths import join_path, split_path

from .cancellation import HeaderListener, SocketCanceller, cancelled_by, pools
from .failures import TRANSPORT_ERRORS, translate
from .response import HttpResponse
from .settings import HttpClientSettings, check_unicode, reveal, utf8_header
from .tls import ssl_context
from .words import excerpt

Params = str | Mapping[str, str | Sequence[str]] | Iterable[tuple[str, str]]
"""Names and values; text is taken as encoded already."""

_MAX_REDIRECTS = 3
_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class HttpClient:
    """Requests to one base URL, over pooled connections. Thread-safe; opens nothing before the first request.

    Never follows a redirect to another origin, never uses a proxy from the environment, and repeats a
    request only if it is idempotent and a kept-alive connection turned out to be dead before an answer began.
    """

    def __init__(self, settings: HttpClientSettings, *, user_agent: str = "headwater") -> None:
        self.settings = settings
        self._base_query = settings.parsed.query
        self._headers = _standing_headers(settings, user_agent)
        self._manager = _pool_manager(settings)

    def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        form: Params | None = None,
        parts: Mapping[str, str] | None = None,
        context: CallContext | None = None,
        idempotent: bool | None = None,
        timeout: float | None = None,
        max_bytes: int | None = None,
        on_header: HeaderListener | None = None,
        link: str | None = None,
    ) -> HttpResponse:
        """Send one request; return as soon as status and headers are there.

        `path` is relative to the base URL and passes `split_path`. `link` is a URL to ask instead, such as an
        answer's link to its next page: relative to the base URL, and within its origin. `params` come on top,
        but for names that the link has. `form` becomes an url-encoded body, `parts` a body of
        `multipart/form-data`.
        `idempotent` says that sending twice does no harm (default: by method). `timeout` (seconds of
        silence) and `max_bytes` (decoded) default to the settings. `on_header(name, value)` sees the header
        lines while they arrive; those it returns true for are left out of the response.

        Raises Downstream* errors, ValidationError for an unsafe path or header, and the call's own error when
        `context` is cancelled or its deadline passes; then the connection is closed. A link to another
        origin is a DownstreamProtocolError: it could leak the credentials.
        """
        if form is not None:
            body = _encode(form).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        if parts is not None:
            body, kind = urllib3.encode_multipart_formdata(dict(parts))
            headers = {"Content-Type": kind, **(headers or {})}
        url = self._url(path, params) if link is None else self._linked(link, params)
        if idempotent is None:
            idempotent = method in _IDEMPOTENT_METHODS
        all_headers = {**self._headers, **_sendable({**self._forwarded(context), **(headers or {})})}
        bound = max_bytes or self.settings.options.response_limit or None
        for _ in range(_MAX_REDIRECTS + 1):
            exchange = _Exchange(self._manager, self.settings, context, timeout, bound, on_header=on_header)
            response = exchange.send(method, url, body, all_headers, idempotent=idempotent)
            if response.status == 101:
                response.close()
                raise DownstreamProtocolError(
                    f"{self.settings.origin} answers in another protocol (status 101)."
                )
            location = response.headers.get("location")
            if response.status not in {301, 302, 303, 307, 308} or not location:
                return response
            response.close()
            url = self._redirected(url, location, response.status, method)
        raise DownstreamProtocolError(f"{self.settings.origin} redirects in a circle.")

    def close(self) -> None:
        """Close the idle connections. Answers still being read keep theirs until they are closed."""
        pools = self._manager.pools
        for key in pools.keys():  # noqa: SIM118 - it is no mapping that could be iterated
            if (pool := pools.get(key)) is not None:  # pragma: no branch - another thread may have it dropped
                pool.close()  # without that it is closed by whoever drops the last reference to it
        self._manager.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _url(self, path: str, params: Params | None) -> str:
        base = self.settings.parsed
        target = join_path(base.path, *split_path(path)) if path else base.path or "/"
        query = "&".join(part for part in (self._base_query, _encode(params) if params else "") if part)
        return f"{base.scheme}://{base.netloc}{target}" + (f"?{query}" if query else "")

    def _linked(self, link: str, params: Params | None) -> str:
        """The URL of `link`, which may come from a server."""
        base = self.settings.parsed
        printable = quote(link, safe=string.punctuation)  # neither spaces nor line ends
        try:
            target = urlsplit(urljoin(f"{base.scheme}://{base.netloc}{base.path or '/'}", printable))
            same_origin = _origin(target) == _origin(base) and "@" not in target.netloc
        except ValueError as error:
            raise DownstreamProtocolError(f"{self.settings.origin} links to what is no URL.") from error
        if not same_origin:
            address = excerpt(f"{target.scheme}://{target.netloc.rpartition('@')[2]}")
            raise DownstreamProtocolError(
                f"{self.settings.origin} links to {address}, which is not followed: "
                "credentials go to the data source's own origin only."
            )
        known = dict(parse_qsl(target.query, keep_blank_values=True))
        added = _encode([(name, text) for name, text in _pairs(params) if name not in known])
        query = "&".join(part for part in (target.query, added) if part)
        return f"{base.scheme}://{base.netloc}{target.path or '/'}" + (f"?{query}" if query else "")

    def _forwarded(self, context: CallContext | None) -> dict[str, str]:
        """Headers of the caller that the operator chose to pass on."""
        options = self.settings.options
        if context is None or not (options.oauth_pass_thru or options.keep_cookies):
            return {}
        incoming = {name.lower(): value for name, value in context.headers.items()}
        wanted = ("authorization", "x-id-token") if options.oauth_pass_thru else ()
        forwarded = {name: incoming[name] for name in wanted if name in incoming}
        configured = {name.lower() for name in self._headers}
        if cookies := _kept_cookies(incoming.get("cookie", ""), options.keep_cookies):
            forwarded["cookie"] = cookies
        return {name: value for name, value in forwarded.items() if name not in configured}

    def _redirected(self, url: str, location: str, status: int, method: str) -> str:
        """The new URL of a redirect within the same origin; anything else could leak the credentials."""
        origin = urlsplit(url)
        try:
            target = urlsplit(location)
        except ValueError as error:
            raise DownstreamProtocolError(
                f"{self.settings.origin} redirects to an address that is no URL."
            ) from error
        same_origin = (target.scheme, target.netloc) == (origin.scheme, origin.netloc) or (
            not target.scheme and not target.netloc
        )
        keeps_method = status in {307, 308} or method in {"GET", "HEAD"}
        if not same_origin or not target.path.startswith("/") or not keeps_method:
            host = target.netloc.rpartition("@")[2] or origin.netloc
            address = excerpt(f"{target.scheme or origin.scheme}://{host}{target.path}")
            raise DownstreamProtocolError(
                f"{self.settings.origin} redirects to {address}, which is not followed. "
                "Set the final address as the URL of the data source."
            )
        query = target.query or origin.query
        return f"{origin.scheme}://{origin.netloc}{target.path}" + (f"?{query}" if query else "")


_CONNECTION_SECONDS: Final = 0.1
"""After these, who waits for a free connection looks whether its call is over."""


class _Exchange:
    """One request on the wire and what ends it early."""

    def __init__(
        self,
        manager: urllib3.PoolManager,
        settings: HttpClientSettings,
        context: CallContext | None,
        timeout: float | None,
        max_bytes: int | None,
        *,
        on_header: HeaderListener | None,
    ) -> None:
        self._manager = manager
        self._settings = settings
        self._context = context
        self._timeout = timeout or settings.timeout
        self._max_bytes = max_bytes
        self._on_header = on_header

    def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, idempotent: bool
    ) -> HttpResponse:
        while True:
            if self._context is not None:
                self._context.check()
            canceller = SocketCanceller(self._on_header)
            registration = self._context.on_cancel(canceller.cancel) if self._context is not None else None
            try:
                with cancelled_by(canceller):
                    response = self._manager.urlopen(
                        method,
                        url,
                        body=body,
                        headers=headers,
                        redirect=False,
                        retries=False,
                        preload_content=False,
                        timeout=self._urllib3_timeout(),
                        pool_timeout=None if self._context is None else _CONNECTION_SECONDS,
                    )
            except BaseException as error:
                if registration is not None:
                    registration.remove()
                canceller.close()
                if isinstance(error, urllib3.exceptions.EmptyPoolError):
                    continue  # all connections are in use: wait on, unless the call is over
                if not isinstance(error, TRANSPORT_ERRORS):
                    raise
                if idempotent and canceller.reused_connection and not canceller.cancelled and _died(error):
                    continue
                raise translate(error, self._settings.origin, self._context) from error
            return HttpResponse(
                response,
                origin=self._settings.origin,
                url=url,
                context=self._context,
                canceller=canceller,
                registration=registration,
                max_bytes=self._max_bytes,
            )

    def _urllib3_timeout(self) -> urllib3.Timeout:
        left = self._context.remaining() if self._context is not None else None
        # A timeout of 0 means non-blocking to a socket.
        bounds = [max(0.001, left)] if left is not None else []
        return urllib3.Timeout(
            connect=min([self._settings.dial_timeout, *bounds]), read=min([self._timeout, *bounds])
        )


def _died(error: BaseException) -> bool:
    """Whether the server had closed the kept-alive connection: no byte of an answer has been lost."""
    return isinstance(error, urllib3.exceptions.ProtocolError | ConnectionError)


def _pool_manager(settings: HttpClientSettings) -> urllib3.PoolManager:
    options = settings.options
    pool: dict[str, Any] = {
        "maxsize": options.http_max_conns_per_host or max(1, options.http_max_idle_conns_per_host),
        "block": options.http_max_conns_per_host > 0,
        "retries": False,
    }
    if settings.parsed.scheme == "https":
        pool["ssl_context"] = ssl_context(settings)
        if options.server_name:
            pool["server_hostname"] = options.server_name
            pool["assert_hostname"] = False if options.tls_skip_verify else options.server_name
    manager: urllib3.PoolManager
    if options.proxy_url:
        try:
            manager = urllib3.ProxyManager(options.proxy_url, **pool)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise ValidationError("this is not a proxy URL", path="jsonData.proxyUrl") from error
    else:
        manager = urllib3.PoolManager(**pool)
    manager.pool_classes_by_scheme = pools(settings.address_policy)
    return manager


def _standing_headers(settings: HttpClientSettings, user_agent: str) -> dict[str, str]:
    """Headers of each request. Configured ones win over basic auth, which wins over a bearer token."""
    options = settings.options
    plain = options.compression == "off" or (options.compression == "auto" and settings.is_loopback)
    headers = {"User-Agent": user_agent, "Accept-Encoding": "identity" if plain else ACCEPT_ENCODING}
    if settings.basic_auth_user is not None:
        password = reveal(options.basic_auth_password or "")
        credentials = base64.b64encode(f"{settings.basic_auth_user}:{password}".encode())
        headers["Authorization"] = f"Basic {credentials.decode()}"
    elif options.bearer_token is not None:
        headers["Authorization"] = f"Bearer {reveal(options.bearer_token)}"
    for name, value in settings.headers:
        for known in [key for key in headers if key.lower() == name.lower()]:
            del headers[known]
        headers[name] = reveal(value)
    return {name: utf8_header(value) for name, value in headers.items()}


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of one request; those of the caller may hold anything."""
    for name, value in headers.items():
        check_text(ONE_LINE, value, f"headers.{name}")
        check_unicode(value, f"the value of header {name}", f"headers.{name}")
    # What came by HTTP is text of Latin-1 already, one character for each byte of it.
    return {
        name: value if max(value, default="") < "\u0100" else utf8_header(value)
        for name, value in headers.items()
    }


def _encode(params: Params) -> str:
    if isinstance(params, str):
        return params
    return urlencode(params if isinstance(params, Mapping) else list(params), doseq=True)


def _pairs(params: Params | None) -> list[tuple[str, str]]:
    return parse_qsl(_encode(params or ()), keep_blank_values=True)


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.hostname, url.port or default


def _kept_cookies(header: str, names: Sequence[str]) -> str:
    """Those of `names`, as they came, whatever the others hold: browsers send what no rule allows."""
    cookies = (each.strip() for each in header.split(";"))
    return "; ".join(each for each in cookies if "=" in each and each.partition("=")[0].rstrip() in names)
