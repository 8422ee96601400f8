"""`headwater serve --provisioning`: files are the truth at each start, and a faulty one stops it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from servers.process import ServerProcess, accepts_connections, free_port

HEADWATER = str(Path(sys.executable).with_name("headwater"))
FILE = """
apiVersion: 1
datasources:
  - name: Walks
    uid: walks
    type: testdata
    jsonData: {seed: 7}
    secureJsonData:
      apiKey: $__env{WALKS_KEY}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "provisioning"
    folder.mkdir()
    (folder / "walks.yaml").write_text(FILE)
    return folder


def serve(tmp_path: Path, files: Path, port: int) -> list[str]:
    directory = ("--data-dir", str(tmp_path / "data"))
    return [HEADWATER, *directory, "serve", "--port", str(port), "--provisioning", str(files)]


def serving(tmp_path: Path, files: Path, port: int) -> ServerProcess:
    return ServerProcess(
        serve(tmp_path, files, port),
        ready=lambda: accepts_connections(port),
        environment={"WALKS_KEY": "k-123456"},
    )


def test_files_are_applied_at_each_start_and_change_nothing_twice(tmp_path: Path, files: Path) -> None:
    port = free_port()
    with serving(tmp_path, files, port) as host:
        log = host.log.read_text()
        assert "1 added" in log
        assert "k-123456" not in log
        token = re.search(r"hwsa_\S+", log)
        assert token
        answer = httpx2.get(
            f"http://127.0.0.1:{port}/api/datasources/uid/walks",
            headers={"Authorization": f"Bearer {token[0]}"},
            trust_env=False,
        ).json()
    assert answer["readOnly"]
    assert answer["secureJsonFields"] == {"apiKey": True}
    with serving(tmp_path, files, port) as host:
        assert "1 unchanged" in host.log.read_text()


def test_a_faulty_file_stops_the_start_and_is_named_with_its_line(tmp_path: Path, files: Path) -> None:
    (files / "walks.yaml").write_text(FILE.replace("uid: walks", "uidd: walks"))
    done = subprocess.run(
        serve(tmp_path, files, 0),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "walks.yaml:5" in done.stderr
    assert "did you mean" in done.stderr
