"""`examples/flask_app.py`, served by gunicorn: preloaded, then forked into workers with threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from servers.example_app import RunningApp, Serve
from servers.http_host import eventually

ROWS = {"scenario": "streaming_rows", "rows": 3, "seed": 7}
LONG = {"rawSql": "SELECT seq, REPEAT('x', 1000) AS filling FROM seq_1_to_1000000000 /* busy */"}


@pytest.fixture
def app(serve: Serve, tmp_path: Path) -> Iterator[RunningApp]:
    gunicorn = ("-m", "gunicorn", "--preload", "--workers=2", "--threads=8", "--graceful-timeout=5")
    with serve(*gunicorn, "--bind=127.0.0.1:{port}", "flask_app:app", HOME=str(tmp_path)) as running:
        yield running


def test_it_answers_in_json_and_arrow_and_ends_well(app: RunningApp) -> None:
    with app.client() as client:
        assert client.get("/health/shop").json() == {"status": "OK", "message": "Database Connection OK"}
        answer = client.post("/query/demo", json=ROWS).json()
        assert [row["id"] for row in answer["rows"]] == [0, 1, 2]
        streamed = client.post("/arrow/demo", json={**ROWS, "rows": 200_000})
        assert pa.ipc.open_stream(streamed.content).read_all().num_rows == 200_000
        missing = client.post("/query/nothing", json={})
        assert (missing.status_code, missing.json()["source"]) == (404, "caller")
    assert app.end() == 0
    assert "Traceback" not in app.log


def test_threads_and_forked_workers_answer_side_by_side(app: RunningApp) -> None:
    """CONNECTION_ID() and the number come back together, so answers that were mixed up would show."""

    def ask(number: int) -> int:
        query = {"rawSql": f"SELECT {number} AS n, CONNECTION_ID() AS id, SLEEP(0.02) AS slept"}
        with app.client() as client:
            return int(client.post("/query/shop", json=query).json()["rows"][0]["n"])

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(ask, range(60))) == list(range(60))


def test_a_client_that_leaves_a_stream_ends_its_query_in_the_database(
    app: RunningApp, busy: Callable[[], int]
) -> None:
    with app.client() as client, client.stream("POST", "/arrow/shop", json=LONG) as answer:
        pieces = answer.iter_bytes()  # the client leaves as soon as nobody holds it
        assert next(pieces)
        assert busy() == 1
    assert eventually(lambda: busy() == 0)
    assert app.end() == 0
