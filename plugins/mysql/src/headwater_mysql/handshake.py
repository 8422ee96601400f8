"""Connecting: PyMySQL does the greeting, TLS and authentication; its socket is taken over afterwards.

PyMySQL's authentication code is complete and widely used; its packet reader and converters are what this
plugin replaces. Nothing else in the package touches PyMySQL.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import attrs
import pymysql

from headwater.errors import DownstreamAuthError, ValidationError
from headwater.network import AddressPolicy, resolve
from headwater.sdk import DataSourceInstanceSettings
from headwater_mysql.address import Address, parse_address
from headwater_mysql.bounds import LOG_IN_BYTES
from headwater_mysql.errors import from_connecting
from headwater_mysql.protocol.constants import Capability
from headwater_mysql.protocol.packets import MalformedPacketError, ServerError
from headwater_mysql.settings import MySQLSettings
from headwater_mysql.tls import tls_context

_WANTED: Final = Capability.PS_MULTI_RESULTS | Capability.DEPRECATE_EOF
_TLS_REFUSED: Final = 2026  # the driver's own number, CR_SSL_CONNECTION_ERROR
_CLEARTEXT_PLUGINS: Final = ("mysql_clear_password", "dialog", "mysql_old_password")


@attrs.frozen
class Target:
    """All that connecting needs. Made once per data source; its repr shows no secret."""

    address: Address
    user: str
    database: str
    settings: MySQLSettings
    tls: ssl.SSLContext | None = attrs.field(repr=False)
    address_policy: AddressPolicy | None = None

    @classmethod
    def of(cls, settings: MySQLSettings, instance: DataSourceInstanceSettings) -> Target:
        """Raises ValidationError for a malformed address or certificate."""
        if not instance.user:
            raise ValidationError("a user is needed", path="user")
        database = settings.database or instance.database
        return cls(
            parse_address(instance.url), instance.user, database, settings, tls_context(settings),
            instance.address_policy,
        )  # fmt: skip


@attrs.frozen
class Session:
    """An authenticated connection's socket and what the server said of itself."""

    socket: socket.socket
    thread_id: int
    server_version: str
    capabilities: int
    tls_version: str = ""

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.server_version.lower()

    @property
    def deprecate_eof(self) -> bool:
        return bool(self.capabilities & Capability.DEPRECATE_EOF)


OnSocket = Callable[[socket.socket], object]
"""Told of each socket before it connects, so that it can be shut down from another thread."""


def open_session(target: Target, seconds: float, on_socket: OnSocket = lambda _: None) -> Session:
    """Connect and log in within `seconds`. Raises errors of `headwater.errors`: of source
    downstream, or of source host for an address that the host refuses."""
    deadline = time.monotonic() + seconds
    try:
        raw = _open_socket(target, deadline, on_socket)
        return _log_in(target, raw, deadline)
    except Exception as error:
        explained = from_connecting(_cause(error), seconds)
        raise explained from explained.__cause__


def _open_socket(target: Target, deadline: float, on_socket: OnSocket) -> socket.socket:
    """A connected socket to the first of the host's allowed addresses that answers."""
    address = target.address
    if address.socket:
        return _connect(socket.AF_UNIX, address.socket, deadline, on_socket)
    failure: OSError | None = None
    for family, _, _, place in resolve(address.host, address.port, target.address_policy):
        try:
            connected = _connect(family, place, deadline, on_socket)
        except OSError as error:
            failure = error
            continue
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_dead_peers(connected)
        return connected
    raise failure or OSError("the host has no address")


def _connect(family: int, place: Any, deadline: float, on_socket: OnSocket) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(max(0.01, deadline - time.monotonic()))
        on_socket(opened)
        opened.connect(place)
    except BaseException:
        opened.close()
        raise
    return opened


def _notice_dead_peers(remote: socket.socket) -> None:
    """Notice a server that vanished without a word after about a minute, even without a deadline."""
    remote.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            remote.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _log_in(target: Target, raw: socket.socket, deadline: float) -> Session:
    settings = target.settings
    seconds = max(0.05, deadline - time.monotonic())
    password = settings.password.reveal().encode() if settings.password else b""
    refused: dict[str, Callable[[Any], Any]] = {}
    if not settings.allow_cleartext_passwords:
        refused = dict.fromkeys(_CLEARTEXT_PLUGINS, _RefuseCleartext)
    driver: Any = pymysql.Connection(
        host=settings.server_name or target.address.host or "localhost",
        user=target.user,
        password=password,
        database=target.database or None,
        charset="utf8mb4",
        autocommit=None,
        client_flag=int(_WANTED),
        local_infile=False,
        auth_plugin_map=refused,
        read_timeout=seconds,
        write_timeout=seconds,
        ssl=target.tls,
        ssl_disabled=target.tls is None,
        program_name="headwater",
        defer_connect=True,
    )
    driver._secure = bool(target.address.socket)
    driver._read_bytes = _BoundedReads(driver, deadline)
    try:
        driver.connect(raw)
    except BaseException:
        raw.close()
        raise
    return _take_over(driver)


def _take_over(driver: Any) -> Session:
    """The driver's socket, away from the driver: nothing is read ahead, since the server only answers."""
    connected: socket.socket = driver._sock
    driver._sock = None
    driver._rfile.close()
    driver._rfile = None
    connected.settimeout(None)
    return Session(
        socket=connected,
        thread_id=int(driver.server_thread_id[0]),
        server_version=str(driver.server_version).removeprefix("5.5.5-"),  # MariaDB's disguise
        capabilities=int(driver.server_capabilities) & int(_WANTED),
        tls_version=(connected.version() or "") if isinstance(connected, ssl.SSLSocket) else "",
    )


class _BoundedReads:
    """In the place of the driver's way to read, which bounds neither bytes nor the time of all reads."""

    def __init__(self, driver: Any, deadline: float) -> None:
        self._driver = driver
        self._deadline = deadline
        self._allowed = LOG_IN_BYTES

    def __call__(self, count: int) -> bytes:
        self._allowed -= count
        if self._allowed < 0:
            raise MalformedPacketError("the log-in is larger than allowed")
        data = b""
        while len(data) < count:
            self._set_timeout()
            piece = self._driver._rfile.read1(count - len(data))
            if not piece:
                raise ConnectionResetError("the server ended the connection")
            data += piece
        self._set_timeout()  # for what is sent, and for the handshake of TLS
        return data

    def _set_timeout(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._driver._sock.settimeout(left)


class _RefuseCleartext:
    """Answers a server that asks for the password in clear: it may be any server in between."""

    def __init__(self, driver: object) -> None:
        del driver

    def authenticate(self, packet: object) -> NoReturn:
        del packet
        raise DownstreamAuthError(
            "the server asks for the password in clear; set allowCleartextPasswords if that is meant to be"
        )


def _cause(error: Exception) -> Exception:
    """The system's or the server's own error inside PyMySQL's."""
    if not isinstance(error, pymysql.MySQLError):
        return error
    original = getattr(error, "original_exception", None) or error.__context__
    if isinstance(original, OSError):
        return original
    code = error.args[0] if error.args else None
    if not isinstance(code, int):
        return error
    if code == _TLS_REFUSED:
        return ssl.SSLError("the server offers no TLS")
    if 2000 <= code < 3000:  # the driver's own numbers: the connection broke
        return ConnectionResetError(str(error.args[-1]))
    return ServerError(code, "HY000", str(error.args[-1]))


def shut(sockets: Iterable[socket.socket]) -> None:
    """Wake whoever waits for one of the sockets. Of the plain class, as a socket may become an SSL one."""
    for opened in sockets:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)
