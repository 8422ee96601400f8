"""Hears of other processes' changes through PostgreSQL's LISTEN. A hint only: the revision is the truth."""

from __future__ import annotations

import logging
from contextlib import closing
from threading import Event, Thread

import psycopg
from psycopg import sql
from sqlalchemy import URL

from headwater.datasources import Subscribers

from .transactions import CHANNEL

_log = logging.getLogger(__name__)


class Listener:
    """One connection and one daemon thread that pass notifications on, and reconnect for as long as it is
    open.

    After every (re)connection it reports that anything may have been missed: LISTEN has no replay.
    """

    def __init__(
        self, url: URL, subscribers: Subscribers, *, poll: float = 0.5, longest_wait: float = 30.0
    ) -> None:
        # Not as a URL: SQLAlchemy leaves spaces in it, which newer versions of libpq refuse.
        self._parameters = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
        self._subscribers = subscribers
        self._poll = poll
        self._longest_wait = longest_wait
        self._closed = Event()
        self._listening = Event()
        self._thread = Thread(target=self._run, name="headwater-store-listener", daemon=True)
        self._thread.start()

    def wait_until_listening(self, timeout: float) -> bool:
        return self._listening.wait(timeout)

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        wait = 0.1
        while not self._closed.is_set():
            try:
                with closing(psycopg.connect(**self._parameters, autocommit=True)) as connection:
                    wait = 0.1
                    self._listen(connection)
            except psycopg.Error as error:
                self._listening.clear()
                _log.warning("no notifications of store changes for now: %s", type(error).__name__)
                self._closed.wait(wait)
                wait = min(wait * 2, self._longest_wait)

    def _listen(self, connection: psycopg.Connection) -> None:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        self._subscribers.notify(None)
        self._listening.set()
        while not self._closed.is_set():
            for notification in connection.notifies(timeout=self._poll):
                self._subscribers.notify(notification.payload.rpartition(":")[0])
