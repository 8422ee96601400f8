"""The demo as the main command runs it: queries on an embedded engine, then the host on loopback."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "demo.py"
START_SECONDS = 120.0


class Terminal:
    """The demo on a terminal of its own; `shown` is what it has printed so far."""

    def __init__(self, scratch: Path) -> None:
        self._screen, keyboard = pty.openpty()
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(scratch),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=keyboard, stdout=keyboard, stderr=keyboard, env=environment
        )
        os.close(keyboard)
        self.shown = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._screen], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._screen, 65536).decode(errors="replace")
                except OSError:  # the other side has been closed
                    raise AssertionError(self.shown) from None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    pytest.importorskip("chdb")
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_the_demo_opens_the_host_until_ctrl_c_and_leaves_nothing_behind(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.read_until("Ctrl-C ends it.")
    link = re.search(r"(http://127\.0\.0\.1:\d+)/#token=([^&\s]+)&query=SELECT%20", terminal.shown)
    assert link is not None, terminal.shown
    url, token = link.groups()
    assert "harbour" in terminal.shown

    assert "<script" in httpx2.get(url, trust_env=False).text
    assert rows(url, token) == [[2976]]

    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(30) == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)
    assert list(tmp_path.iterdir()) == []


def rows(url: str, token: str) -> object:
    """What the host's API answers for the demo's data source, found as a client would."""
    with httpx2.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
    ) as client:
        (lake,) = client.get("/api/datasources").json()
        tables = client.get(f"/api/datasources/uid/{lake['uid']}/resources/tables").json()
        assert [table["name"] for table in tables] == ["weather"]
        query = {
            "refId": "A",
            "datasource": {"uid": lake["uid"]},
            "rawSql": "SELECT count() FROM weather",
            "format": 1,
        }
        answer = client.post("/api/ds/query", json={"from": "now-1h", "to": "now", "queries": [query]})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]["A"]["frames"][0]["data"]["values"]
