"""Sessions of people who signed in on the page: kept in the store, so that every host of it knows them."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

_FORM = re.compile(r"hwse_[A-Za-z0-9_-]{43}")


@frozen
class Session:
    """What was learnt at the sign-in; what the groups allow is decided at each use. Times are UTC."""

    digest: bytes = field(repr=False)
    subject: str
    name: str
    groups: tuple[str, ...]
    created: datetime
    expires: datetime


class SessionStore(Protocol):
    """Methods are safe to call from several threads. Failures of the store itself are StoreError."""

    def add(self, session: Session) -> None:
        """Keep a session; those that have expired when it was created are dropped."""

    def find(self, digest: bytes) -> Session | None:
        """The session with this digest, expired or not."""

    def remove(self, digest: bytes) -> None:
        """End a session, if there is one."""


class MemorySessionStore:
    """Sessions that end with the process: for embedding and tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the sessions
        self._sessions: dict[bytes, Session] = {}

    def add(self, session: Session) -> None:
        with self._lock:
            live = {digest: each for digest, each in self._sessions.items() if each.expires > session.created}
            self._sessions = {**live, session.digest: session}

    def find(self, digest: bytes) -> Session | None:
        with self._lock:
            return self._sessions.get(digest)

    def remove(self, digest: bytes) -> None:
        with self._lock:
            self._sessions.pop(digest, None)


def new_session_id() -> str:
    """256 random bits, in the form that `session_digest` takes."""
    return f"hwse_{secrets.token_urlsafe(32)}"


def session_digest(text: str) -> bytes | None:
    """The digest under which a session is kept; None if `text` cannot be the id of one."""
    return hashlib.sha256(text.encode()).digest() if _FORM.fullmatch(text) else None
