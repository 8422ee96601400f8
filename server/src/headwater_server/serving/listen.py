"""Where the host listens: on loopback unless told otherwise, elsewhere only with TLS or on purpose."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path

from attrs import frozen

from headwater.errors import ErrorSource, HeadwaterError

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class UnsafeListenError(HeadwaterError):
    """The address would show tokens and data to the network. The message says what to do."""

    message_id = "serve.unsafe"
    status = 400
    source = ErrorSource.CALLER


@frozen(kw_only=True)
class ListenOptions:
    """Times are seconds, sizes bytes. `plain_http_ok` is the operator's word that something in front speaks
    TLS. Connections beyond `max_connections` are answered 503."""

    host: str = "127.0.0.1"
    port: int = 3000
    unix_socket: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    plain_http_ok: bool = False
    trusted_proxies: tuple[str, ...] = ()
    max_connections: int = 2000
    header_timeout: float = 10.0
    max_header_bytes: int = 65_536
    idle_timeout: int = 30
    drain_timeout: float = 30.0

    def check(self) -> None:
        """Raises UnsafeListenError."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise UnsafeListenError("TLS needs both a certificate and its key.")
        for file in (self.tls_certificate, self.tls_key):
            if file is not None and not file.is_file():
                raise UnsafeListenError(f"The TLS file {file} does not exist.")
        if self.is_private or self.plain_http_ok:
            return
        raise UnsafeListenError(
            f"Listening on {self.host} without TLS would show tokens and data to everybody on the way. Give "
            "--tls-cert and --tls-key, or --allow-plain-http if a proxy in front speaks TLS."
        )

    def bind(self) -> list[socket.socket]:
        """The socket to listen on, taken before anything else is begun; none for a Unix socket.

        Raises OSError, such as for a port that is in use, or a Unix socket on which somebody listens.
        """
        if self.unix_socket is not None:
            _check_unused(self.unix_socket)
            return []
        host = self.host.strip("[]")
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two processes share a port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        return [bound]

    def bind_unix(self) -> socket.socket:
        """The Unix socket, in place of one that nobody listens on any more. Raises OSError."""
        path = self.unix_socket
        if path is None:
            raise ValueError("no Unix socket was asked for")
        if path.is_socket():
            path.unlink()
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            path.chmod(0o666)  # who may do what is for tokens to say, as on a port
        except BaseException:
            bound.close()
            raise
        return bound

    @property
    def is_private(self) -> bool:
        """Whether nobody on the network can listen in."""
        return self.unix_socket is not None or self.tls_certificate is not None or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def default_allowed_hosts(self) -> tuple[str, ...]:
        """On loopback, only loopback's own names: a site whose DNS name points here gets nothing."""
        return _LOOPBACK_NAMES if self.is_loopback and self.unix_socket is None else ()

    @property
    def url(self) -> str:
        return f"{'http' if self.tls_certificate is None else 'https'}://{self._address}"

    @property
    def flight_url(self) -> str:
        """The same address as Flight clients write it."""
        return f"{'grpc' if self.tls_certificate is None else 'grpc+tls'}://{self._address}"

    @property
    def _address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"{host}:{self.port}"


def _check_unused(path: Path) -> None:
    """Raises OSError if somebody listens on this Unix socket, whose clients would be taken from them."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return  # left behind
        except TimeoutError:
            pass  # there is somebody, who is slow
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
