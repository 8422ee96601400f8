"""A page of another origin, in a real browser: it queries the host if its origin may, and not otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from headwater import Headwater
from headwater_server.http import HttpOptions, create_app
from servers.http_host import admin_authenticator, run_host

QUERY = """
async ([url, token]) => {
  const query = {refId: 'A', datasource: {uid: 'demo'}, scenario: 'random_walk'}
  const body = {from: 'now-1h', to: 'now', queries: [query]}
  const headers = {Authorization: `Bearer ${token}`, 'Content-Type': 'application/json'}
  try {
    const answer = await fetch(`${url}/api/ds/query`, {method: 'POST', headers, body: JSON.stringify(body)})
    return [answer.status, answer.headers.get('x-request-id') !== null]
  } catch (error) {
    return error.name
  }
}
"""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another application</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[str]:
    """The origin of a page that is not the host's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_page_of_another_origin(browser: Browser, application: str, allowed: bool) -> None:
    origins = (application if allowed else "https://elsewhere.example",)
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        app = create_app(headwater, authenticator=authenticator, options=HttpOptions(cors_origins=origins))
        with run_host(app, admin) as host:
            page = browser.new_page()
            page.goto(application)
            result = page.evaluate(QUERY, [host.url, admin])
            page.close()

    assert result == ([200, True] if allowed else "TypeError")
