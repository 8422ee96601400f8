"""Clients that write and read data sources while something is killed, and remember what they were told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from attrs import define, field

Ask = Callable[..., httpx2.Response]
"""Method, path and httpx's options; raises httpx2.TransportError where nobody answers."""


@define
class Load:
    """Each of `writers` threads changes a data source of its own; each of `readers` asks the first one."""

    ask: Ask
    writers: int = 3
    readers: int = 3
    acknowledged: dict[str, int] = field(factory=dict)
    attempted: dict[str, int] = field(factory=dict)
    statuses: Counter[str] = field(factory=Counter)
    writes: int = 0
    _stop: threading.Event = field(factory=threading.Event)
    query: dict[str, Any] = field(factory=lambda: {"scenario": "streaming_rows", "rows": 3})

    @contextmanager
    def running(self) -> Iterator[None]:
        uids = [f"load-{number}" for number in range(self.writers)]
        for uid in uids:
            body = {"name": uid, "uid": uid, "type": "testdata", "jsonData": {"seed": 0}}
            answer = self.ask("POST", "/api/datasources", json=body)
            assert answer.status_code == 200, answer.text
            self.acknowledged[uid] = self.attempted[uid] = 0
        threads = [threading.Thread(target=self._write, args=(uid,)) for uid in uids]
        threads += [threading.Thread(target=self._read, args=(uids[0],)) for _ in range(self.readers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def check(self) -> None:
        """Every data source is as it was last acknowledged, or as the one write after that left it."""
        for uid, least in self.acknowledged.items():
            stored = self.ask("GET", f"/api/datasources/uid/{uid}").json()
            opened = stored["jsonData"]["seed"]
            assert opened in (least, self.attempted[uid]), f"{uid}: {opened}, not {least}: a write is lost"
            assert stored["secureJsonFields"] == ({"apiKey": True} if opened else {})

    def _write(self, uid: str) -> None:
        while not self._stop.is_set():
            number = self.attempted[uid] = self.attempted[uid] + 1
            body = {"name": uid, "uid": uid, "type": "testdata", "jsonData": {"seed": number}}
            body["secureJsonData"] = {"apiKey": f"{uid}:{number}"}
            if self._outcome("write", "PUT", f"/api/datasources/uid/{uid}", body) == 200:
                self.acknowledged[uid] = number
                self.writes += 1

    def _read(self, uid: str) -> None:
        query = {"refId": "A", "datasource": {"uid": uid}, **self.query}
        body = {"queries": [query], "from": "now-1h", "to": "now"}
        while not self._stop.is_set():
            self._outcome("read", "POST", "/api/ds/query", body)

    def _outcome(self, kind: str, method: str, path: str, body: Any) -> int:
        try:
            status = self.ask(method, path, json=body).status_code
        except httpx2.TransportError:
            self.statuses[f"{kind} unanswered"] += 1
            time.sleep(0.05)
            return 0
        self.statuses[f"{kind} {status}"] += 1
        return status
