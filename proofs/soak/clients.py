"""Clients of a host: queries of every source, a fifth of which are left; and somebody who edits."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping

import httpx2
from attrs import define, field

from chaos.hosts import leave, query_body, send, uid_of
from chaos.sources import Source
from servers.serve_process import ServeProcess, admin_token

CANCELLED = 0.2
"""Of all queries."""


@define
class Clients:
    """`threads` clients; each begins a query every `pause` seconds, or at once after the last if it is 0;
    and one who edits."""

    host: ServeProcess
    sources: Mapping[str, Source]
    threads: int
    pause: float = 0.0
    latencies: list[tuple[float, float]] = field(factory=list)
    """Seconds of load before, and seconds that the answer took."""
    outcomes: Counter[str] = field(factory=Counter)
    _loaded: float = 0.0
    _begun: float = 0.0
    _edits: int = 0
    _stop: threading.Event = field(factory=threading.Event)

    def run(self, seconds: float) -> None:
        """Until `seconds` are over. May be called again, and goes on with other queries then."""
        self._begun = time.monotonic()
        self._stop.clear()
        working = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.threads)]
        working.append(threading.Thread(target=self._edit))
        for thread in working:
            thread.start()
        time.sleep(seconds)
        self._stop.set()
        for thread in working:
            thread.join()
        self._loaded += seconds

    def _ask(self, number: int) -> None:
        chance = random.Random(f"{number} {self._loaded}")
        token = admin_token(self.host)
        with httpx2.Client(
            base_url=self.host.url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        ) as client:
            due = time.monotonic() + chance.random() * self.pause
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                due = max(due + self.pause, time.monotonic() - 1)
                name = chance.choice(list(self.sources))
                if chance.random() < CANCELLED:
                    self._leave(name, chance)
                else:
                    self._answered(client, name)

    def _answered(self, client: httpx2.Client, name: str) -> None:
        source = self.sources[name]
        started = time.monotonic()
        try:
            answer = client.post("/api/ds/query", json=query_body(uid_of(name), source.query))
        except httpx2.TransportError as error:
            self.outcomes[f"{name}: {type(error).__name__}"] += 1
            return
        self.latencies.append((self._loaded + started - self._begun, time.monotonic() - started))
        if answer.status_code != 200:
            self.outcomes[f"{name}: {answer.status_code} {answer.text[:200]}"] += 1
            return
        values = answer.json()["results"]["A"]["frames"][0]["data"]["values"][-1]
        self.outcomes["right" if values == source.answer else f"{name}: wrong rows"] += 1

    def _leave(self, name: str, chance: random.Random) -> None:
        source = self.sources[name]
        query = source.silent if chance.random() < 0.5 else source.streaming
        connection = send(self.host, query_body(uid_of(name), query))
        self._stop.wait(chance.uniform(0, 0.1))
        leave(connection, reset=chance.random() < 0.5)
        self.outcomes["left"] += 1

    def _edit(self) -> None:
        token = admin_token(self.host)
        while not self._stop.wait(1):
            self._edits += 1
            with contextlib.suppress(httpx2.TransportError):
                path, body = "/api/datasources/uid/edited", edited(self._edits)
                answer = self.host.call("PUT", path, token=token, json=body)
                self.outcomes["edited" if answer.status_code == 200 else f"edit: {answer.status_code}"] += 1


def edited(number: int) -> dict[str, object]:
    """The data source that is changed, after so many changes."""
    names = {"name": "edited", "uid": "edited", "type": "testdata"}
    return {**names, "jsonData": {"seed": number}, "secureJsonData": {"apiKey": f"key {number}"}}
