"""The API on loopback, for the tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from headwater.errors import QueryError
from headwater.models import TimeRange

from {{ cookiecutter.__module }} import sample


class FakeApi(ThreadingHTTPServer):
    """REPLACE with your API's own server, if it can run here. On loopback; `url` is its address.

    The station `slow` never answers. `keys` are the API keys that were sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeApiHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keys: list[str | None] = []
        self.ended = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers may leave before they have read everything."""


class FakeApiHandler(BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["X-Api-Key"])
        address = urlsplit(self.path)
        if address.path == "/stations":
            self.answer(200, [b'["north", "south"]'])
        elif address.path == "/readings":
            self.readings(dict(parse_qsl(address.query)))
        else:
            self.answer(404, [])

    def readings(self, params: dict[str, str]) -> None:
        if params["station"] == "slow":
            self.server.ended.wait()
            return
        time_range = TimeRange.from_epoch_ms(int(params["from"]), int(params["to"]))
        try:
            self.answer(200, sample.readings(params["station"], int(params["rows"]), time_range))
        except QueryError as error:
            self.answer(400, [str(error).encode()])

    def answer(self, status: int, pieces: Iterable[bytes]) -> None:
        remaining = iter(pieces)
        first = next(remaining, b"")  # before the status, which a wrong query changes
        self.send_response(status)
        self.end_headers()
        self.wfile.write(first)
        self.wfile.writelines(remaining)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet: what matters is in the tests' assertions."""
