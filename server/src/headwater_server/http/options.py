"""What an operator can set about the HTTP API."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from attrs import frozen

__all__ = ["HttpOptions"]

MEBIBYTE = 1024 * 1024


@frozen(kw_only=True)
class HttpOptions:
    """Defaults are for production. Times are seconds, sizes bytes."""

    multi_status: bool = False
    """Answer 207 instead of 400 when a query of a request failed."""
    max_body_bytes: int = 4 * MEBIBYTE
    body_timeout: float = 15.0
    """How long a client may take to send its body."""
    send_timeout: float = 60.0
    """How long a client may leave an answer unread before it is cut off."""
    max_queries: int = 100
    """Queries in one request."""
    stream_timeout: float | None = 3600.0
    """How long a streamed answer may take. Other queries have the host's own `limits.timeout`."""
    result_memory: int = 512 * MEBIBYTE
    """Memory for whole results, of all requests together; further queries wait their turn."""
    result_reserve: int = 40 * MEBIBYTE
    """What is set aside for a query until the size of its result is known: with the default
    `result_memory`, 12 queries run at once."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which clients may call this host, without ports; empty for any. It keeps other sites from
    reaching a host on loopback through a DNS name of their own."""
    cors_origins: tuple[str, ...] = ()
    """Origins, as browsers send them, whose pages may call the API: `https://app.example.org`."""
    degraded: bool = False
    """Whether to serve though the active encryption key is missing or wrong, which else is 503."""
    protect_metrics: bool = False
    """Whether /metrics needs credentials."""
    root_url: str = ""
    """The address that users see, for links. A proxy may keep its path in what it passes on, or strip it."""

    @property
    def prefix(self) -> str:
        """The path of `root_url`, without a slash at the end; empty for none."""
        return unquote(urlsplit(self.root_url).path).rstrip("/")
