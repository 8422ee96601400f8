"""`/api/datasources` in all its forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from headwater.datasources import PLAIN_FIELDS, REQUEST_FIELDS, AddDataSource
from servers.http_host import RunningHost

CANARY = "hunter2-canary"


@pytest.fixture
def stored(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    """A data source with a secret, removed at the end."""
    body = {
        "name": "Orders",
        "type": "testdata",
        "uid": "orders",
        "access": "proxy",
        "url": "http://127.0.0.1:1",
        "jsonData": {"seed": 7},
        "secureJsonData": {"apiKey": CANARY},
    }
    added = client.post("/api/datasources", json=body)
    assert added.status_code == 200, added.text
    yield added.json()["datasource"]
    client.delete("/api/datasources/uid/orders")


def test_a_new_data_source_answers_with_its_id_and_without_its_secret(stored: dict[str, Any]) -> None:
    assert stored["uid"] == "orders"
    assert stored["jsonData"] == {"seed": 7}
    assert stored["secureJsonFields"] == {"apiKey": True}
    assert stored["version"] == 1
    assert not stored["readOnly"]


def test_no_answer_ever_shows_a_secret(client: httpx2.Client, stored: dict[str, Any]) -> None:
    texts = [
        client.get(path).text
        for path in (
            "/api/datasources",
            "/api/datasources/uid/orders",
            "/api/datasources/uid/orders/health",
            "/api/frontend/settings",
        )
    ]
    texts.append(client.put("/api/datasources/uid/orders", json={"name": "Orders", "type": "testdata"}).text)
    assert not [text for text in texts if CANARY in text]


@pytest.mark.parametrize("form", ["uid/orders", "name/Orders", "{id}"])
def test_a_data_source_is_found_by_uid_name_and_id(
    client: httpx2.Client, stored: dict[str, Any], form: str
) -> None:
    answer = client.get(f"/api/datasources/{form}".format(id=stored["id"]))
    assert answer.status_code == 200
    assert answer.json()["uid"] == "orders"


def test_the_id_of_a_name_is_answered_alone(client: httpx2.Client, stored: dict[str, Any]) -> None:
    assert client.get("/api/datasources/id/Orders").json() == {"id": stored["id"]}


def test_names_with_slashes_and_spaces_are_found(client: httpx2.Client) -> None:
    added = client.post("/api/datasources", json={"name": "A/B über c", "type": "testdata"}).json()
    found = client.get("/api/datasources/name/A%2FB%20%C3%BCber%20c")
    assert found.json()["uid"] == added["datasource"]["uid"]
    assert client.delete("/api/datasources/name/A%2FB%20%C3%BCber%20c").status_code == 200


def test_the_list_is_sorted_by_name_and_names_the_type(client: httpx2.Client, stored: dict[str, Any]) -> None:
    listed = client.get("/api/datasources").json()
    names = [each["name"] for each in listed]
    assert names == sorted(names, key=str.lower)
    assert {each["typeName"] for each in listed} == {"Test data"}
    assert all("secureJsonFields" not in each for each in listed)


def test_an_update_without_secrets_keeps_them(client: httpx2.Client, stored: dict[str, Any]) -> None:
    body = {"name": "Orders", "type": "testdata", "access": "proxy", "jsonData": {"seed": 8}}
    updated = client.put("/api/datasources/uid/orders", json=body).json()
    assert updated["message"] == "Datasource updated"
    assert updated["datasource"]["jsonData"] == {"seed": 8}
    assert updated["datasource"]["secureJsonFields"] == {"apiKey": True}
    assert updated["datasource"]["version"] == 2


def test_an_empty_secret_removes_it(client: httpx2.Client, stored: dict[str, Any]) -> None:
    body = {"name": "Orders", "type": "testdata", "secureJsonData": {"apiKey": ""}}
    updated = client.put(f"/api/datasources/{stored['id']}", json=body).json()
    assert updated["datasource"]["secureJsonFields"] == {}


def test_the_next_query_uses_an_update(client: httpx2.Client, stored: dict[str, Any]) -> None:
    health = client.get("/api/datasources/uid/orders/health")
    assert health.json()["details"]["apiKey"] == "set"
    body = {"name": "Orders", "type": "testdata", "secureJsonData": {"apiKey": ""}}
    client.put("/api/datasources/uid/orders", json=body)
    health = client.get("/api/datasources/uid/orders/health")
    assert health.json()["details"]["apiKey"] == "not set"


def test_a_stale_version_is_409_in_grafanas_words(client: httpx2.Client, stored: dict[str, Any]) -> None:
    body = {"name": "Orders", "type": "testdata", "version": 1}
    assert client.put("/api/datasources/uid/orders", json=body).status_code == 200
    conflict = client.put("/api/datasources/uid/orders", json=body)
    assert conflict.status_code == 409
    assert conflict.json()["message"].startswith("Datasource has already been updated by someone else")


@pytest.mark.parametrize("taken", [{"name": "Orders"}, {"uid": "orders"}])
def test_a_name_or_uid_that_exists_is_409(
    client: httpx2.Client, stored: dict[str, Any], taken: dict[str, str]
) -> None:
    assert client.post("/api/datasources", json={"type": "testdata", **taken}).status_code == 409


def test_a_data_source_without_a_name_gets_that_of_its_type(client: httpx2.Client) -> None:
    first = client.post("/api/datasources", json={"type": "testdata"}).json()
    second = client.post("/api/datasources", json={"type": "testdata"}).json()
    assert (first["name"], second["name"]) == ("testdata", "testdata-1")
    for each in (first, second):
        gone = client.delete(f"/api/datasources/{each['id']}")
        assert gone.json() == {"message": "Data source deleted", "id": each["id"]}
        assert client.get(f"/api/datasources/{each['id']}").status_code == 404


def test_a_provisioned_data_source_is_read_only(host: RunningHost, client: httpx2.Client) -> None:
    service = host.app.host.headwater.data_sources
    service.add(AddDataSource(type="testdata", name="Fixed", uid="fixed", read_only=True))
    body = {"name": "Fixed", "type": "testdata"}
    refused = client.put("/api/datasources/uid/fixed", json=body)
    assert (refused.status_code, refused.json()["message"]) == (403, "Cannot update read-only data source")
    refused = client.delete("/api/datasources/uid/fixed")
    assert (refused.status_code, refused.json()["message"]) == (403, "Cannot delete read-only data source")


def test_clients_cannot_make_a_data_source_read_only(client: httpx2.Client) -> None:
    added = client.post("/api/datasources", json={"type": "testdata", "name": "ro", "readOnly": True}).json()
    assert not added["datasource"]["readOnly"]
    client.delete(f"/api/datasources/uid/{added['datasource']['uid']}")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "x"}, ""),
        ({"type": ""}, "type"),
        ({"type": 7}, "type"),
        ({"type": "testdata", "uid": "not/valid"}, "uid"),
        ({"type": "testdata", "uid": "x" * 41}, "uid"),
        ({"type": "testdata", "name": "x" * 191}, "name"),
        ({"type": "testdata", "access": "magic"}, "access"),
        ({"type": "testdata", "url": "http://[broken"}, "url"),
        ({"type": "testdata", "url": "http://user:pass@host/"}, "url"),
        ({"type": "testdata", "jsonData": []}, "jsonData"),
        ({"type": "testdata", "secureJsonData": {"apiKey": 7}}, "secureJsonData"),
        ({"type": "testdata", "jsonData": {"sede": 3}}, "jsonData.sede"),
        ({"type": "testdata", "secureJsonData": {"apiKye": "x"}}, "secureJsonData.apiKye"),
    ],
)
def test_a_body_that_is_not_valid_is_400_with_the_place(
    client: httpx2.Client, body: dict[str, Any], path: str
) -> None:
    answer = client.post("/api/datasources", json=body)
    assert answer.status_code == 400
    assert answer.json().get("extra", {"path": ""})["path"].startswith(path)


NULLS = dict.fromkeys(
    [each.key for each in PLAIN_FIELDS if each.default is not None]
    + ["uid", "jsonData", "secureJsonData", "secureJsonFields", "version", "id", "orgId", "password"]
)


def test_null_says_the_same_as_leaving_a_field_out(client: httpx2.Client) -> None:
    added = client.post("/api/datasources", json={**NULLS, "name": None, "type": "testdata"})
    assert added.status_code == 200, added.text
    made = added.json()["datasource"]
    try:
        for each in PLAIN_FIELDS:
            assert made[each.key] == (each.default if each.default is not None else "testdata")
        assert (made["jsonData"], made["secureJsonFields"]) == ({}, {})
    finally:
        client.delete(f"/api/datasources/uid/{made['uid']}")


def test_an_update_resets_what_is_null_and_keeps_secrets_that_are(
    client: httpx2.Client, stored: dict[str, Any]
) -> None:
    body = {**NULLS, "name": "Orders", "type": "testdata", "secureJsonData": {"apiKey": None}}
    updated = client.put("/api/datasources/uid/orders", json=body)
    assert updated.status_code == 200, updated.text
    now = updated.json()["datasource"]
    assert (now["url"], now["access"], now["jsonData"]) == ("", "proxy", {})
    assert now["secureJsonFields"] == {"apiKey": True}


def test_every_plain_field_can_be_sent_and_is_answered(client: httpx2.Client) -> None:
    sent = {each.key: True if each.kind is bool else "t" for each in REQUEST_FIELDS}
    sent |= {"name": "Complete", "type": "testdata", "access": "proxy", "url": "http://h"}
    added = client.post("/api/datasources", json={**sent, "uid": "complete"})
    try:
        assert {key: added.json()["datasource"][key] for key in sent} == sent
    finally:
        client.delete("/api/datasources/uid/complete")


def test_a_type_that_is_not_installed_is_404(client: httpx2.Client) -> None:
    assert client.post("/api/datasources", json={"type": "oracle"}).status_code == 404


@pytest.mark.parametrize("number", ["nine", "-1", "1e3", "٣", "99999999999999999999"])
def test_an_id_that_is_no_number_is_400(client: httpx2.Client, number: str) -> None:
    answer = client.get(f"/api/datasources/{number}")
    assert (answer.status_code, answer.json()["message"]) == (400, "id is invalid")


@pytest.mark.parametrize("form", ["uid/nowhere", "name/nowhere", "999"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_does_not_exist_is_404(client: httpx2.Client, form: str, method: str) -> None:
    if method == "PUT" and form.startswith("name"):
        return
    body = {"name": "x", "type": "testdata"} if method == "PUT" else None
    answer = client.request(method, f"/api/datasources/{form}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (404, "Data source not found")


def test_a_method_that_a_path_does_not_have_is_405_and_says_which_it_has(client: httpx2.Client) -> None:
    answer = client.patch("/api/datasources")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
