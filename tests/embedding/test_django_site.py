"""`examples/django_site`, served by gunicorn: preloaded, then forked into workers with threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from servers.example_app import EXAMPLES, RunningApp, Serve
from servers.http_host import eventually

SITE = EXAMPLES / "django_site"
ROWS = {"scenario": "streaming_rows", "rows": 3, "seed": 7}
LONG = {"rawSql": "SELECT seq, REPEAT('x', 1000) AS filling FROM seq_1_to_1000000000 /* busy */"}


@pytest.fixture
def app(serve: Serve, tmp_path: Path) -> Iterator[RunningApp]:
    gunicorn = ("-m", "gunicorn", "--preload", "--workers=2", "--threads=8", "--graceful-timeout=5")
    with serve(
        *gunicorn, f"--chdir={SITE}", "--bind=127.0.0.1:{port}", "shop.wsgi", HOME=str(tmp_path)
    ) as running:
        yield running


def test_it_answers_in_json_and_arrow_and_ends_well(app: RunningApp) -> None:
    with app.client() as client:
        assert client.get("/data/health/shop").json() == {
            "status": "OK", "message": "Database Connection OK",
        }  # fmt: skip
        answer = client.post("/data/query/demo", json=ROWS).json()
        assert [row["id"] for row in answer["rows"]] == [0, 1, 2]
        streamed = client.post("/data/arrow/demo", json={**ROWS, "rows": 200_000})
        assert pa.ipc.open_stream(streamed.content).read_all().num_rows == 200_000
        missing = client.post("/data/query/nothing", json={})
        assert (missing.status_code, missing.json()["source"]) == (404, "caller")
        assert client.post("/data/query/demo", content=b"{").status_code == 400
        assert client.post("/data/query/demo", json=["no", "query"]).status_code == 400
    assert app.end() == 0
    assert "Traceback" not in app.log


def test_threads_and_forked_workers_answer_side_by_side(app: RunningApp) -> None:
    def ask(number: int) -> int:
        query = {"rawSql": f"SELECT {number} AS n, SLEEP(0.02) AS slept"}
        with app.client() as client:
            return int(client.post("/data/query/shop", json=query).json()["rows"][0]["n"])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(24))) == list(range(24))


def test_a_client_that_leaves_a_stream_ends_its_query_in_the_database(
    app: RunningApp, busy: Callable[[], int]
) -> None:
    with app.client() as client, client.stream("POST", "/data/arrow/shop", json=LONG) as answer:
        pieces = answer.iter_bytes()  # the client leaves as soon as nobody holds it
        assert next(pieces)
        assert busy() == 1
    assert eventually(lambda: busy() == 0)
    assert app.end() == 0


def test_its_command_queries_too(sources: Path) -> None:
    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HEADWATER_PROVISIONING": str(sources)}
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=SITE, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    done = manage("query", "shop", "SELECT 7 AS n, DATE '2024-05-06' AS day")
    assert json.loads(done.stdout) == {"n": 7, "day": "2024-05-06"}
    failed = manage("query", "shop", "SELECT nonsense")
    assert failed.returncode == 1
    assert "CommandError" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert manage("check", "--fail-level", "WARNING").returncode == 0
