"""`examples/fastapi_app.py`, served by uvicorn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx2
import pyarrow as pa
import pytest

from servers.example_app import RunningApp, Serve
from servers.http_host import eventually

ROWS = {"scenario": "streaming_rows", "rows": 3, "seed": 7}
SLEEP = {"rawSql": "SELECT SLEEP(120) /* busy */"}
LONG = {"rawSql": "SELECT seq, REPEAT('x', 1000) AS filling FROM seq_1_to_1000000000 /* busy */"}
ENDED = re.compile(r"Application shutdown complete\.\n.*Finished server process \[\d+\]\n$")
PASSWORD = "rhône-1234"


@pytest.fixture
def app(serve: Serve) -> Iterator[RunningApp]:
    uvicorn = ("-m", "uvicorn", "--timeout-graceful-shutdown=1", "--port={port}")
    with serve(*uvicorn, "fastapi_app:app", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


def test_it_answers_in_json_and_arrow_and_ends_well(app: RunningApp) -> None:
    with app.client() as client:
        assert client.get("/health/shop").json() == {"status": "OK", "message": "Database Connection OK"}
        answer = client.post("/query/demo", json=ROWS).json()
        assert [row["id"] for row in answer["rows"]] == [0, 1, 2]
        assert client.post("/query/shop", json={"rawSql": "SELECT 6 * 7 AS n"}).json()["rows"] == [{"n": 42}]
        streamed = client.post("/arrow/demo", json={**ROWS, "rows": 200_000})
        assert streamed.headers["content-type"] == "application/vnd.apache.arrow.stream"
        assert pa.ipc.open_stream(streamed.content).read_all().num_rows == 200_000
    app.end()
    assert ENDED.search(app.log)
    assert "Traceback" not in app.log


def test_an_error_has_its_status_and_its_source(app: RunningApp) -> None:
    with app.client() as client:
        for path in ("/query/", "/arrow/"):
            missing = client.post(f"{path}nothing", json={})
            assert (missing.status_code, missing.json()["source"]) == (404, "caller")
            down = client.post(f"{path}demo", json={"scenario": "error", "error": "connection"})
            assert (down.status_code, down.json()["source"]) == (502, "downstream")
            assert down.json()["retryable"] is True


@pytest.mark.parametrize("path", ["/query/shop", "/arrow/shop"])
def test_a_client_that_leaves_ends_its_query_in_the_database(
    app: RunningApp, path: str, busy: Callable[[], int]
) -> None:
    with app.client() as client, pytest.raises(httpx2.ReadTimeout):
        client.post(path, json=SLEEP, timeout=1.0)
    assert eventually(lambda: busy() == 0)
    app.end()
    assert ENDED.search(app.log)
    assert "Traceback" not in app.log


def test_a_client_that_leaves_a_stream_ends_its_query_in_the_database(
    app: RunningApp, busy: Callable[[], int]
) -> None:
    with app.client() as client, client.stream("POST", "/arrow/shop", json=LONG) as answer:
        pieces = answer.iter_bytes()  # the client leaves as soon as nobody holds it
        assert next(pieces)
        assert busy() == 1
    assert eventually(lambda: busy() == 0)
    app.end()
    assert ENDED.search(app.log)
    assert "Traceback" not in app.log


def test_stopping_the_server_ends_a_running_stream(app: RunningApp, busy: Callable[[], int]) -> None:
    with app.client() as client, client.stream("POST", "/arrow/shop", json=LONG) as answer:
        pieces = answer.iter_bytes()  # the client leaves as soon as nobody holds it
        assert next(pieces)
        app.end()
    assert eventually(lambda: busy() == 0)


def test_the_reference_hosts_api_works_below_a_path(app: RunningApp) -> None:
    with app.client() as client:
        assert client.get("/grafana/api/health").status_code == 200
        assert client.get("/grafana/api/datasources").status_code == 401
    with app.client(auth=("admin", PASSWORD)) as admin:
        listed = admin.get("/grafana/api/datasources").json()
        assert [each["name"] for each in listed] == ["demo", "shop"]
        query = {**ROWS, "refId": "A", "datasource": {"uid": listed[0]["uid"]}}
        asked = {"from": "now-1h", "to": "now", "queries": [query]}
        answer = admin.post("/grafana/api/ds/query", json=asked).json()
        assert answer["results"]["A"]["frames"][0]["data"]["values"][0] == [0, 1, 2]
