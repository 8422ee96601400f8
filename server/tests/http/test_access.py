"""Who may do what: credentials, roles, and scopes for single data sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from _pytest.mark import ParameterSet

from headwater import Headwater
from headwater.calls import CallContext
from headwater_server.auth import Role
from headwater_server.http import create_app
from headwater_server.http.operations import Operation
from headwater_server.http.routes import operations
from servers.http_host import RunningHost, admin_authenticator, run_host
from servers.http_requests import query_of

WALK = {"scenario": "random_walk", "maxDataPoints": 5}


def _url(operation: Operation) -> str:
    names = {"{uid}": "demo", "{id}": "1", "{name:path}": "Demo", "{path:path}": "scenarios"}
    url = operation.path
    for name, value in names.items():
        url = url.replace(name, value)
    return url


def _cases(*, public: bool = False, scoped: bool = False) -> list[ParameterSet]:
    chosen = [each for each in operations() if each.public is public and (each.action or not scoped)]
    return [pytest.param(each, id=f"{each.method} {each.path}") for each in chosen]


@pytest.mark.parametrize("operation", _cases())
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
def test_without_credentials_nothing_is_answered(
    host: RunningHost, operation: Operation, header: str | None
) -> None:
    with host.client("") as nobody:
        headers = {} if header is None else {"Authorization": header}
        answer = nobody.request(operation.method, _url(operation), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["message"] == "Unauthorized"


@pytest.mark.parametrize("operation", _cases(scoped=True))
def test_with_scopes_for_another_data_source_nothing_is_answered(
    stranger: httpx2.Client, operation: Operation
) -> None:
    body = query_of(WALK) if operation.path == "/api/ds/query" else {"name": "Demo", "type": "testdata"}
    answer = stranger.request(operation.method, _url(operation), json=body)
    if operation.path == "/api/datasources" and operation.method == "GET":
        assert answer.json() == []
        return
    assert answer.status_code == 403
    assert answer.json()["messageId"] == "auth.forbidden"


def test_a_caller_may_ask_who_it_is_and_of_which_organisation(
    host: RunningHost, client: httpx2.Client
) -> None:
    assert client.get("/api/org").json() == {"id": 1, "name": "Main Org."}
    assert client.get("/api/user").json()["isGrafanaAdmin"] is True
    with host.client(host.token("reader", role=Role.VIEWER)) as reader:
        user = reader.get("/api/user").json()
    assert (user["login"], user["orgId"], user["isGrafanaAdmin"]) == ("reader", 1, False)


@pytest.fixture(scope="module")
def stranger(host: RunningHost) -> Iterator[httpx2.Client]:
    """A caller who may do everything, but only on a data source called `elsewhere`."""
    scopes = [f"datasources:{action}:elsewhere" for action in ("read", "write", "query")]
    with host.client(host.token("stranger", *scopes)) as client:
        yield client


@pytest.mark.parametrize("operation", _cases(public=True))
def test_health_and_metrics_ask_for_no_credentials(host: RunningHost, operation: Operation) -> None:
    with host.client("") as nobody:
        assert nobody.request(operation.method, _url(operation)).status_code == 200


def test_a_viewer_queries_but_does_not_see_settings(host: RunningHost) -> None:
    with host.client(host.token("viewer", role=Role.VIEWER)) as viewer:
        assert viewer.post("/api/ds/query", json=query_of(WALK)).status_code == 200
        assert viewer.get("/api/datasources/uid/demo/health").status_code == 200
        assert viewer.get("/api/datasources").status_code == 403
        settings = viewer.get("/api/frontend/settings").json()
    assert settings["datasources"]["Demo"]["uid"] == "demo"
    assert "url" not in settings["datasources"]["Demo"]
    assert "jsonData" not in settings["datasources"]["Demo"]


@pytest.fixture(scope="module")
def open_host() -> Iterator[RunningHost]:
    """A host with two data sources, where callers without credentials are viewers."""
    authenticator, admin = admin_authenticator(anonymous=Role.VIEWER)
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo", url="http://inside.example")
        headwater.add_data_source(type="testdata", name="Other", uid="other")
        with run_host(create_app(headwater, authenticator=authenticator), admin) as running:
            yield running


@pytest.mark.parametrize(
    ("role", "scope", "queried", "signed_in"),
    [
        pytest.param(Role.VIEWER, (), ["demo", "other"], True, id="a viewer's token"),
        pytest.param(None, ("datasources:query:demo",), ["demo"], True, id="a token for one data source"),
        pytest.param(None, ("datasources:read",), [], True, id="a token that may not query"),
        pytest.param(None, (), ["demo", "other"], False, id="anonymous"),
    ],
)
def test_callers_list_the_data_sources_that_they_may_query(
    open_host: RunningHost,
    request: pytest.FixtureRequest,
    role: Role | None,
    scope: tuple[str, ...],
    queried: list[str],
    signed_in: bool,
) -> None:
    token = open_host.token(request.node.name, *scope, role=role) if signed_in else ""
    with open_host.client(token) as caller:
        settings = caller.get("/api/frontend/settings").json()
        assert [each["uid"] for each in settings["datasources"].values()] == queried
        assert settings["user"]["isSignedIn"] is signed_in
        assert "inside.example" not in str(settings)
        assert caller.get("/api/plugins/testdata/settings").json()["queryTextKey"] == "scenario"
        for uid in ("demo", "other"):
            query = query_of({**WALK, "datasource": {"uid": uid}})
            assert caller.post("/api/ds/query", json=query).status_code == (200 if uid in queried else 403)


def test_a_wrong_token_is_told_from_one_that_may_too_little(open_host: RunningHost) -> None:
    with open_host.client("wrong") as wrong:
        assert wrong.get("/api/frontend/settings").status_code == 401
    with open_host.client("") as anonymous:
        refused = anonymous.get("/api/datasources")
    assert (refused.status_code, refused.json()["message"]) == (403, "Access denied: needs datasources:read")


def test_an_editor_reads_but_does_not_write(host: RunningHost) -> None:
    with host.client(host.token("editor", role=Role.EDITOR)) as editor:
        assert editor.get("/api/datasources/uid/demo").status_code == 200
        assert editor.post("/api/datasources", json={"type": "testdata"}).status_code == 403
        assert editor.delete("/api/datasources/uid/demo").status_code == 403


def test_a_scope_for_one_data_source_opens_only_that_one(host: RunningHost, client: httpx2.Client) -> None:
    client.post("/api/datasources", json={"type": "testdata", "name": "Other", "uid": "other"})
    token = host.token("one", "datasources:query:demo", "datasources:read:demo")
    number = client.get("/api/datasources/id/Other").json()["id"]
    other = {**WALK, "datasource": {"uid": "other"}}
    with host.client(token) as one:
        assert one.post("/api/ds/query", json=query_of(WALK)).status_code == 200
        assert one.post("/api/ds/query", json=query_of(other)).status_code == 403
        mixed = one.post("/api/ds/query", json=query_of(WALK, other))
        assert (mixed.status_code, mixed.json()["message"]) == (403, "Access denied to data source")
        by_number = {**WALK, "datasource": None, "datasourceId": number}
        assert one.post("/api/ds/query", json=query_of(by_number)).status_code == 403
        assert [each["uid"] for each in one.get("/api/datasources").json()] == ["demo"]
        assert list(one.get("/api/frontend/settings").json()["datasources"]) == ["Demo"]


def test_a_caller_with_few_rights_does_not_learn_what_exists(host: RunningHost) -> None:
    with host.client(host.token("curious", "datasources:read:demo")) as curious:
        for path in ("uid/nowhere", "name/nowhere", "999"):
            assert curious.get(f"/api/datasources/{path}").status_code == 403


def test_a_name_equal_to_a_permitted_uid_does_not_open_another_data_source(
    host: RunningHost, client: httpx2.Client
) -> None:
    client.post("/api/datasources", json={"type": "testdata", "name": "allowed", "uid": "secret-one"})
    with host.client(host.token("sly", "datasources:query:allowed")) as sly:
        query = {**WALK, "datasource": {"uid": "allowed"}}
        assert sly.post("/api/ds/query", json=query_of(query)).status_code == 404
        assert sly.get("/api/datasources/uid/allowed/health").status_code in (403, 404)


def test_secrets_need_a_right_of_their_own(host: RunningHost) -> None:
    token = host.token("writer", "datasources:write", "datasources:read")
    body = {"type": "testdata", "name": "W", "uid": "written"}
    with host.client(token) as writer:
        secret = {"secureJsonData": {"apiKey": "x"}}
        assert writer.post("/api/datasources", json=body | secret).status_code == 403
        assert writer.post("/api/datasources", json=body).status_code == 200
        assert writer.put("/api/datasources/uid/written", json=body | secret).status_code == 403
        assert writer.put("/api/datasources/uid/written", json=body).status_code == 200


def test_expired_and_revoked_tokens_are_refused(host: RunningHost) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with host.client(host.token("old", role=Role.ADMIN, expires=yesterday)) as old:
        assert old.get("/api/datasources").status_code == 401
    revoked = host.token("gone", role=Role.ADMIN)
    host.app.host.authenticator.tokens.revoke("gone")
    with host.client(revoked) as gone:
        assert gone.get("/api/datasources").status_code == 401


def test_the_admins_password_opens_everything(host: RunningHost) -> None:
    with httpx2.Client(base_url=host.url, auth=("admin", "correct horse"), trust_env=False) as admin:
        assert admin.get("/api/datasources").status_code == 200
    with httpx2.Client(base_url=host.url, auth=("admin", "wrong horse"), trust_env=False) as wrong:
        assert wrong.get("/api/datasources").status_code == 401


def test_a_plugin_never_sees_the_callers_credentials(
    host: RunningHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in a call's context is what a plugin may forward to its data source."""
    seen: list[dict[str, str]] = []
    headwater = host.app.host.headwater
    start_query_data = headwater.start_query_data

    def spy(request: Any, context: CallContext, **more: Any) -> Any:
        seen.append(dict(context.headers))
        return start_query_data(request, context, **more)

    monkeypatch.setattr(headwater, "start_query_data", spy)
    with host.client() as client:
        client.post("/api/ds/query", json=query_of(WALK), headers={"Cookie": "session=1", "X-Panel-Id": "7"})
    assert seen[0]["x-panel-id"] == "7"
    assert not {"authorization", "cookie"} & set(seen[0])
