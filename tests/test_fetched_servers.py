"""What a machine without MariaDB, Chromium, nginx and Go does: fetch them, unpacked and not installed."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from servers import browser, go_programs, mariadb, nginx

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADWATER_TEST_CACHE", str(tmp_path))
    monkeypatch.setattr(mariadb, "find_program", lambda *names: None)
    monkeypatch.setattr(browser, "find_program", lambda *names: None)
    monkeypatch.setattr(nginx, "find_program", lambda *names: None)
    monkeypatch.setattr(go_programs, "find_program", lambda *names: None)


def test_mariadb_is_fetched_and_answers() -> None:
    with mariadb.start_mariadb() as server:
        assert "MariaDB" in server.rows("SELECT VERSION()")[0][0]


def test_chromium_is_fetched_and_shows_a_page() -> None:
    with browser.open_browser() as opened:
        page = opened.new_page()
        page.set_content("<title>served</title><p>Grüße</p>")
        assert page.title() == "served"
        assert len(page.screenshot()) > 1000


def test_nginx_is_fetched_and_passes_requests_on() -> None:
    with (
        nginx.start_nginx({"/": "http://127.0.0.1:1/"}) as address,
        pytest.raises(urllib.error.HTTPError, match="502") as refused,
    ):
        urllib.request.urlopen(address, timeout=10)
    refused.value.close()


def test_go_is_fetched_and_builds_programs_that_understand_each_other() -> None:
    host, plugin = go_programs.build_go_program("host"), go_programs.build_go_program("plugin")
    with go_programs.started(host, plugin) as started:
        assert not started.ping().code
