"""`/api/queries`: named queries over HTTP, and what a token that may run one of them can learn."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater import Headwater
from headwater.frames import ARROW_CHUNKS_MEDIA_TYPE
from headwater_server.audit import AuditEvent
from headwater_server.auth import Role
from headwater_server.http import create_app
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, run_host

CSV = "region,total\nnorth,5\nsouth,7\nwest,9\n"
SECRET_TEXT = "scenario-of-the-secret-kind"
REVENUE: dict[str, Any] = {
    "id": "revenue",
    "title": "Revenue",
    "datasource": {"uid": "demo"},
    "query": {"scenario": "csv", "csvContent": CSV, "message": SECRET_TEXT, "rows": {"$param": "rows"}},
    "parameters": [
        {"name": "rows", "type": "integer", "minimum": 0, "maximum": 9, "default": 3},
        {"name": "unit", "type": "choice", "choicesFrom": "regions", "default": "north"},
    ],
    "tags": ["sales"],
}
REVENUE["query"]["types"] = [{"$param": "unit"}]
REGIONS: dict[str, Any] = {
    "id": "regions",
    "datasource": "demo",
    "query": {"scenario": "csv", "csvContent": CSV},
}
FORMS = [
    "application/json",
    "text/jsonl",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "text/csv",
    ARROW_CHUNKS_MEDIA_TYPE,
]
BROKEN: dict[str, Any] = {
    "id": "broken",
    "datasource": "Demo",
    "query": {"scenario": "error", "error": "downstream", "message": f"near {SECRET_TEXT}"},
}


@pytest.fixture(scope="module")
def audit() -> ListedAudit:
    return ListedAudit()


@pytest.fixture(scope="module")
def host(audit: ListedAudit) -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        headwater.add_data_source(type="testdata", name="Other", uid="other")
        app = create_app(headwater, authenticator=authenticator, audit=audit)
        with run_host(app, admin) as running:
            _add(running, REGIONS, REVENUE, BROKEN)
            yield running


def _add(host: RunningHost, *queries: dict[str, Any]) -> None:
    with host.client() as client:
        for query in queries:
            assert client.post("/api/queries", json=query).status_code == 201


@pytest.fixture
def admin(host: RunningHost) -> Iterator[httpx2.Client]:
    with host.client() as client:
        yield client


@pytest.fixture(scope="module")
def runner(host: RunningHost) -> Iterator[httpx2.Client]:
    """May run `revenue`, and nothing else."""
    with host.client(host.token("runner", "queries:run:revenue")) as client:
        yield client


def run(client: httpx2.Client, id_: str = "revenue", accept: str = "application/json", **body: Any) -> Any:
    return client.post(f"/api/queries/{id_}/run", json=body, headers={"Accept": accept})


# --- what it does ------------------------------------------------------------------------------------


def test_it_is_kept_with_who_changed_it(admin: httpx2.Client) -> None:
    query = {**REGIONS, "id": "kept"}
    added = admin.post("/api/queries", json=query)
    assert (added.status_code, added.json()["version"], added.json()["updatedBy"]) == (201, 1, "token:admin")
    changed = admin.put("/api/queries/kept", json={**query, "title": "Kept", "version": 1})
    assert (changed.status_code, changed.json()["version"], changed.json()["title"]) == (200, 2, "Kept")
    assert admin.put("/api/queries/kept", json={**query, "version": 1}).status_code == 409
    assert [each["version"] for each in admin.get("/api/queries/kept/versions").json()] == [2, 1]
    assert admin.post("/api/queries", json=query).json()["messageId"] == "namedQuery.exists"
    assert admin.delete("/api/queries/kept").json() == {"message": "Named query deleted", "id": "kept"}
    assert admin.get("/api/queries/kept").json()["messageId"] == "namedQuery.notFound"


def test_it_runs_with_values(admin: httpx2.Client) -> None:
    answer = run(admin, parameters={"unit": "south"}, **{"from": "now-6h", "to": "now"})
    assert answer.status_code == 200
    [frame] = answer.json()["results"]["A"]["frames"]
    assert frame["data"]["values"] == [["north", "south", "west"], [5, 7, 9]]


@pytest.mark.parametrize("form", ["arrow", "parquet", "lines", "csv"])
def test_it_answers_in_every_form(admin: httpx2.Client, form: str) -> None:
    media_type = {
        "arrow": "application/vnd.apache.arrow.stream",
        "parquet": "application/vnd.apache.parquet",
        "lines": "text/jsonl",
        "csv": "text/csv; charset=utf-8",
    }[form]
    answer = run(admin, accept=media_type.partition(";")[0])
    assert answer.headers["content-type"] == media_type
    if form in ("lines", "csv"):
        assert "north" in answer.text
        return
    read = {"arrow": lambda body: pa.ipc.open_stream(body).read_all(), "parquet": pq.read_table}[form]
    table = read(io.BytesIO(answer.content))
    assert table.column("region").to_pylist() == ["north", "south", "west"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"parameters": {"rows": "many"}}, "parameters.rows: expected a whole number"),
        ({"parameters": {"rows": 10}}, "parameters.rows: is more than 9"),
        (
            {"parameters": {"unit": "east"}},
            "parameters.unit: is none of the choices: 'north', 'south', 'west'",
        ),
        ({"parameters": {"sql": "x"}}, "parameters.sql: is no parameter; it takes rows, unit"),
        ({"parameters": []}, "parameters: expected an object"),
        ({"rows": 3}, "rows: unknown key; known are parameters, from, to, intervalMs, maxDataPoints"),
        ({"from": []}, "from: expected text or milliseconds"),
        ({"maxDataPoints": -1}, "maxDataPoints: expected a whole number above 0"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(runner: httpx2.Client, body: Any, message: str) -> None:
    answer = run(runner, **body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_a_parameters_choices_are_for_forms(runner: httpx2.Client) -> None:
    choices = runner.get("/api/queries/revenue/parameters/unit/choices").json()
    assert choices == {"choices": ["north", "south", "west"]}
    assert runner.get("/api/queries/revenue/parameters/rows/choices").json() == {"choices": []}
    assert runner.get("/api/queries/revenue/parameters/none/choices").status_code == 400


def test_openapi_has_a_schema_for_each_query(runner: httpx2.Client) -> None:
    document = runner.get("/api/queries/openapi.json").json()
    assert list(document["paths"]) == ["/api/queries/revenue/run"]
    body = document["paths"]["/api/queries/revenue/run"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]["properties"]["parameters"]
    assert schema["properties"]["rows"] == {"type": "integer", "minimum": 0, "maximum": 9, "default": 3}
    assert schema["additionalProperties"] is False


def test_limits_hold_in_every_form(admin: httpx2.Client) -> None:
    limited = {
        "id": "limited",
        "datasource": "demo",
        "query": {"scenario": "streaming_rows", "rows": 1000},
        "limits": {"maxRows": 10},
    }
    assert admin.post("/api/queries", json=limited).status_code == 201
    frames = run(admin, "limited").json()["results"]["A"]["frames"]
    assert len(frames[0]["data"]["values"][0]) == 10
    arrow = run(admin, "limited", "application/vnd.apache.arrow.stream")
    assert pa.ipc.open_stream(arrow.content).read_all().num_rows == 10
    parquet = run(admin, "limited", "application/vnd.apache.parquet")
    assert pq.read_table(io.BytesIO(parquet.content)).num_rows == 10


# --- a token that may run one named query -----------------------------------------------------------


def everything(answer: httpx2.Response) -> str:
    return answer.text + str(answer.headers)


def test_the_runner_sees_parameters_and_nothing_of_the_question(runner: httpx2.Client) -> None:
    one, listed = runner.get("/api/queries/revenue"), runner.get("/api/queries")
    assert listed.json() == [one.json()]
    assert one.json() == {
        "id": "revenue",
        "title": "Revenue",
        "description": "",
        "parameters": [
            {"name": "rows", "type": "integer", "default": 3, "minimum": 0, "maximum": 9},
            {"name": "unit", "type": "choice", "default": "north", "choicesFrom": True},
        ],
        "timeRange": {"from": "now-1h", "to": "now"},
        "tags": ["sales"],
    }


@pytest.mark.parametrize("accept", FORMS)
def test_no_answer_shows_text_or_source(runner: httpx2.Client, accept: str) -> None:
    answer = run(runner, accept=accept, parameters={"rows": 2})
    assert answer.status_code == 200
    for hidden in (SECRET_TEXT, "csvContent", "testdata", "Demo", "demo", "regions"):
        assert hidden.encode() not in answer.content


@pytest.mark.parametrize("accept", FORMS)
def test_no_failure_shows_why(host: RunningHost, accept: str) -> None:
    with host.client(host.token(f"broken {accept}", "queries:run:broken")) as client:
        answer = run(client, "broken", accept)
    assert "The named query 'broken' failed" in answer.text
    assert SECRET_TEXT not in everything(answer)
    with host.client() as admin:
        assert SECRET_TEXT in run(admin, "broken", accept).text


def test_a_fault_of_the_query_that_finds_choices_is_not_told(host: RunningHost, admin: httpx2.Client) -> None:
    finder = {**REGIONS, "id": "finder"}
    rows, unit = REVENUE["parameters"]
    chooser = {**REVENUE, "id": "chooser", "parameters": [rows, {**unit, "choicesFrom": "finder"}]}
    for query in (finder, chooser):
        assert admin.post("/api/queries", json=query).status_code == 201
    finder["query"] = {**REGIONS["query"], "message": {"$param": "hidden_name"}}
    finder["parameters"] = [{"name": "hidden_name"}]
    assert admin.put("/api/queries/finder", json=finder).status_code == 200
    with host.client(host.token("chooser", "queries:run:chooser")) as client:
        answers = [run(client, "chooser", parameters={"unit": "south"})]
        answers.append(client.get("/api/queries/chooser/parameters/unit/choices"))
    for answer in answers:
        assert answer.json()["message"].startswith("The named query 'chooser' failed")
        assert "hidden_name" not in everything(answer)
        assert "finder" not in everything(answer)


def test_a_missing_data_source_is_not_named(host: RunningHost, admin: httpx2.Client) -> None:
    admin.post("/api/datasources", json={"name": "Gone", "type": "testdata", "uid": "gone-uid"})
    admin.post("/api/queries", json={**REGIONS, "id": "orphan", "datasource": "gone-uid"})
    admin.delete("/api/datasources/uid/gone-uid")
    with host.client(host.token("orphan", "queries:run:orphan")) as client:
        answer = run(client, "orphan")
    assert answer.status_code == 404
    assert "gone-uid" not in everything(answer)
    assert "The named query 'orphan' failed" in answer.text


def test_the_runner_reaches_nothing_else(runner: httpx2.Client) -> None:
    """Every operation of the host, asked as it would be by somebody who may."""
    body = {
        "queries": [{"refId": "A", "datasource": {"uid": "demo"}, "scenario": "csv"}],
        "from": "0",
        "to": "1",
    }
    attempts = [
        ("POST", "/api/ds/query", body),
        ("GET", "/api/datasources", None),
        ("GET", "/api/datasources/uid/demo", None),
        ("GET", "/api/datasources/uid/demo/health", None),
        ("GET", "/api/datasources/uid/demo/resources/scenarios", None),
        ("GET", "/api/datasources/proxy/uid/demo/scenarios", None),
        ("POST", "/api/datasources", {"name": "mine", "type": "testdata"}),
        ("POST", "/api/queries", {**REGIONS, "id": "mine"}),
        ("POST", "/api/queries", {**REGIONS, "id": "revenue"}),
        ("PUT", "/api/queries/revenue", REGIONS),
        ("DELETE", "/api/queries/revenue", None),
        ("GET", "/api/queries/revenue/versions", None),
        ("GET", "/api/queries/regions", None),
        ("POST", "/api/queries/regions/run", {}),
        ("GET", "/api/queries/regions/parameters/x/choices", None),
        ("GET", "/api/queries/revenue2", None),
    ]
    for method, path, json in attempts:
        answer = runner.request(method, path, json=json)
        assert answer.status_code == 403, (method, path, answer.status_code, answer.text)
        assert SECRET_TEXT not in everything(answer)
    assert runner.get("/api/frontend/settings").json()["datasources"] == {}


@pytest.mark.parametrize("id_", ["regions", "broken", "nonsense", "revenu", "Revenue", "revenue%20", "*"])
def test_what_exists_and_what_does_not_look_alike(runner: httpx2.Client, id_: str) -> None:
    answers = [runner.get(f"/api/queries/{id_}"), runner.post(f"/api/queries/{id_}/run", json={})]
    for answer in answers:
        assert (answer.status_code, answer.json()["message"]) == (403, "Access denied to named query")


def test_values_cannot_reach_another_place_of_the_query(runner: httpx2.Client) -> None:
    """Keys of the query, options and references are no parameters, and a value is never one of them."""
    for parameters in (
        {"scenario": "all_types"},
        {"csvContent": "x"},
        {"$param": "rows"},
        {"rows": {"$param": "unit"}},
        {"rows": [1]},
        {"unit": {"$param": "rows"}},
        {"datasource": {"uid": "other"}},
        {"rows": None},
    ):
        assert run(runner, parameters=parameters).status_code == 400
    others: list[dict[str, Any]] = [{"query": {}}, {"datasource": "other"}, {"queries": []}, {"params": {}}]
    for body in others:
        assert runner.post("/api/queries/revenue/run", json=body).status_code == 400


def test_who_writes_named_queries_comes_by_no_data_source(host: RunningHost) -> None:
    token = host.token("writer", "queries:write", "queries:run:mine", "datasources:query:other")
    with host.client(token) as writer:
        for source in ("demo", "Demo", "nonsense"):
            answer = writer.post("/api/queries", json={**REGIONS, "id": "mine", "datasource": source})
            assert (answer.status_code, answer.json()["message"]) == (403, "Access denied to data source")
        choices = [{"name": "x", "type": "choice", "choicesFrom": "regions"}]
        stolen = {**REGIONS, "id": "mine", "datasource": "other", "parameters": choices}
        stolen["query"] = {"scenario": {"$param": "x"}}
        assert writer.post("/api/queries", json=stolen).status_code == 403
        added = writer.post("/api/queries", json={**REGIONS, "id": "mine", "datasource": "other"})
        assert added.status_code == 201
        assert "query" not in added.json()
        moved = writer.put("/api/queries/mine", json={**REGIONS, "id": "mine", "datasource": "demo"})
        assert moved.status_code == 403
        assert run(writer, "mine").status_code == 200


def test_roles_bundle_the_scopes(host: RunningHost) -> None:
    def may(role: Role) -> tuple[int, int, int]:
        with host.client(host.token(f"a {role}", role=role)) as client:
            seen = "query" in client.get("/api/queries/regions").json()
            ran = run(client, "regions").status_code
            return ran, seen, client.post("/api/queries", json={**REGIONS, "id": f"of-{role}"}).status_code

    assert may(Role.VIEWER) == (200, False, 403)
    assert may(Role.EDITOR) == (200, True, 201)
    assert may(Role.ADMIN) == (200, True, 201)


def test_nobody_without_a_token_sees_any(host: RunningHost) -> None:
    with host.client("") as nobody:
        for path in ("/api/queries", "/api/queries/revenue", "/api/queries/openapi.json"):
            assert nobody.get(path).status_code == 401


def test_a_run_is_audited_by_name(runner: httpx2.Client, audit: ListedAudit) -> None:
    run(runner, parameters={"rows": 1})
    event: AuditEvent = next(each for each in reversed(audit.records) if each.action == "queries:run:revenue")
    assert (event.who, event.data_source, event.rows, event.outcome) == ("token:runner", "demo", 3, "ok")
