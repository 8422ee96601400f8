"""The HTTP host of these tests: a real uvicorn on a loopback port, in a thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from attrs import frozen

from headwater.secrets import Secret
from headwater_server.audit import AuditEvent
from headwater_server.auth import (
    ApiToken,
    Authenticator,
    MemoryTokenStore,
    Role,
    Scope,
    TokenStore,
    new_token,
)
from headwater_server.http import HeadwaterApp
from headwater_server.serving import HeadwaterServer, ListenOptions


@frozen
class RunningHost:
    """A served app. `client()` speaks to it as an admin, `client(token)` as somebody else."""

    app: HeadwaterApp
    port: int
    admin: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None = None, **options: Any) -> httpx2.Client:
        """`token` is `""` for none at all."""
        chosen = self.admin if token is None else token
        headers = {"Authorization": f"Bearer {chosen}"} if chosen else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, **options)

    def token(self, name: str, *scopes: str, role: Role | None = None, **fields: Any) -> str:
        """A new token that this host knows."""
        return add_token(self.app.host.authenticator.tokens, name, *scopes, role=role, **fields)

    def connect(self) -> socket.socket:
        """A bare connection, for what no client library would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


class ListedAudit:
    """An audit log that a test can read."""

    def __init__(self) -> None:
        self.records: list[AuditEvent] = []

    def write(self, record: AuditEvent) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass


def add_token(store: TokenStore, name: str, *scopes: str, role: Role | None = None, **fields: Any) -> str:
    made = new_token()
    store.add(ApiToken(name, made.digest, role, tuple(map(Scope.parse, scopes)), **fields))
    return made.secret.reveal()


def admin_store() -> tuple[MemoryTokenStore, str]:
    store = MemoryTokenStore()
    return store, add_token(store, "admin", role=Role.ADMIN)


def admin_authenticator(**options: Any) -> tuple[Authenticator, str]:
    store, token = admin_store()
    password = options.pop("password", None)
    secret = None if password is None else Secret(password)
    return Authenticator(store, admin_password=secret, **options), token


@contextmanager
def run_host(app: HeadwaterApp, admin: str = "", **listen: Any) -> Iterator[RunningHost]:
    """Serve `app` until the block ends. `listen` are fields of ListenOptions."""
    server = HeadwaterServer(app, ListenOptions(**{"port": 0, "drain_timeout": 5.0, **listen}))
    thread = threading.Thread(target=server.run, name="http-host", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.005)
    try:
        yield RunningHost(app, server.port, admin)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive(), "the server did not end"


def eventually(condition: Any, within: float = 30.0) -> bool:
    """Whether `condition()` becomes true within some seconds."""
    deadline = time.monotonic() + within
    while not (fulfilled := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return fulfilled
