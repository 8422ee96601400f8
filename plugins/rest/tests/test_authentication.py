"""Credentials reach the API, in the way that is set, and nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headwater.errors import DownstreamAuthError, ValidationError
from servers.rest_api import (
    API_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    USER,
    Asked,
    RestApi,
    as_json,
    start_rest_api,
)

from .conftest import MakeHost

KEY_IN_QUERY = {"type": "api_key", "name": "key", "location": "query"}


def oauth(api: RestApi, **more: Any) -> dict[str, Any]:
    return {
        "type": "oauth2_client_credentials",
        "accessTokenUrl": f"{api.url}/token",
        "clientId": CLIENT_ID,
        **more,
    }


def answer(host: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = host.query("shop", "guarded").table.to_pylist()
    return rows


def test_basic_authentication(make_host: MakeHost) -> None:
    fields = {
        "basic_auth": True,
        "basic_auth_user": USER,
        "secure_json_data": {"basicAuthPassword": PASSWORD},
    }
    assert answer(make_host(fields=fields, guarded={"path": "needs/basic"})) == [{"secret": 42}]


def test_a_bearer_token(make_host: MakeHost, api: RestApi) -> None:
    make_host(fields={"secure_json_data": {"bearerToken": "t0k"}}, orders={"path": "orders"}).query(
        "shop", "orders"
    )
    assert api.asked[0].headers["authorization"] == "Bearer t0k"


@pytest.mark.parametrize("auth", [{"type": "api_key", "name": "X-Api-Key"}, KEY_IN_QUERY])
def test_an_api_key(auth: dict[str, str], make_host: MakeHost) -> None:
    host = make_host({"auth": auth}, {"secure_json_data": {"apiKey": API_KEY}}, guarded={"path": "needs/key"})
    assert answer(host) == [{"secret": 42}]


def test_an_api_key_in_the_query_goes_with_every_page(make_host: MakeHost, api: RestApi) -> None:
    endpoint = {"path": "header_link", "paginator": {"type": "header_link"}}
    host = make_host({"auth": KEY_IN_QUERY}, {"secure_json_data": {"apiKey": API_KEY}}, orders=endpoint)
    frame = host.query("shop", "orders")
    assert [asked.params["key"] for asked in api.asked] == [[API_KEY]] * 4
    assert API_KEY not in repr(frame.meta)


@pytest.mark.parametrize("way", ["header", "body"])
def test_oauth_client_credentials(way: str, make_host: MakeHost, api: RestApi) -> None:
    auth = oauth(
        api, clientAuthentication=way, scopes=["read", "list"], accessTokenRequestData={"audience": "shop"}
    )
    host = make_host(
        {"auth": auth}, {"secure_json_data": {"clientSecret": CLIENT_SECRET}}, guarded={"path": "needs/token"}
    )
    assert answer(host) == answer(host) == [{"secret": 42}]
    asked = [each for each in api.asked if each.path == "/token"]
    assert len(asked) == 1, "a token is used until it ends"
    assert b"scope=read+list" in asked[0].body
    assert b"audience=shop" in asked[0].body


def test_a_token_that_the_server_takes_no_more_is_replaced_once(make_host: MakeHost, api: RestApi) -> None:
    host = make_host(
        {"auth": oauth(api)},
        {"secure_json_data": {"clientSecret": CLIENT_SECRET}},
        guarded={"path": "needs/token"},
    )
    answer(host)
    api.tokens_given += 1  # now another one is wanted
    assert answer(host) == [{"secret": 42}]
    api.routes["/needs/token"] = lambda api, asked: as_json({"message": "never"}, 401)
    with pytest.raises(DownstreamAuthError, match="never"):
        answer(host)


def test_refused_client_credentials_say_so_without_the_secret(make_host: MakeHost, api: RestApi) -> None:
    host = make_host(
        {"auth": oauth(api)}, {"secure_json_data": {"clientSecret": "wr0ng"}}, guarded={"path": "needs/token"}
    )
    with pytest.raises(DownstreamAuthError, match=r"token server refused .* Unknown client") as failed:
        answer(host)
    assert "wr0ng" not in str(failed.value)


def test_the_token_server_gets_none_of_the_apis_credentials(make_host: MakeHost) -> None:
    with start_rest_api() as tokens:
        host = make_host(
            {"auth": oauth(tokens), "headers": {"X-Tenant": "7"}, "httpHeaderName1": "X-Secret"},
            {"secure_json_data": {"clientSecret": CLIENT_SECRET, "httpHeaderValue1": "hush"}},
            guarded={"path": "orders"},
        )
        answer(host)
    assert {"x-tenant", "x-secret"}.isdisjoint(tokens.asked[0].headers)


@pytest.mark.parametrize(
    "auth", [KEY_IN_QUERY, {**oauth(RestApi(0)), "accessTokenUrl": "http://127.0.0.1:1/"}]
)
def test_a_missing_secret_is_named(auth: dict[str, str], make_host: MakeHost) -> None:
    with pytest.raises(ValidationError, match=r"secureJsonData\.(apiKey|clientSecret): .*needs this secret"):
        answer(make_host({"auth": auth}, guarded={"path": "orders"}))


def hostile(api: RestApi, thief: RestApi, way: str) -> dict[str, Any]:
    """An endpoint whose first page leads to `thief`."""

    def page(_: RestApi, asked: Asked) -> Any:
        if way == "redirect":
            return as_json([], 302, Location=f"{thief.url}/orders")
        return as_json({"next": f"{thief.url}/orders"}, Link=f'<{thief.url}/orders>; rel="next"')

    api.routes["/trap"] = page
    paginator = {"type": "json_link" if way == "json_link" else "header_link"}
    return {"path": "trap", "paginator": paginator}


@pytest.mark.parametrize("way", ["redirect", "json_link", "header_link"])
def test_another_origin_is_never_asked(way: str, make_host: MakeHost, api: RestApi) -> None:
    with start_rest_api() as thief:
        host = make_host(
            {"auth": KEY_IN_QUERY}, {"secure_json_data": {"apiKey": API_KEY}}, trap=hostile(api, thief, way)
        )
        with pytest.raises(Exception, match="not followed"):
            host.query("shop", "trap")
    assert thief.asked == []


def test_queries_at_once_ask_for_one_token(make_host: MakeHost, api: RestApi) -> None:
    host = make_host(
        {"auth": oauth(api)},
        {"secure_json_data": {"clientSecret": CLIENT_SECRET}},
        guarded={"path": "needs/token"},
    )
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: answer(host), range(8)))
    assert answers == [[{"secret": 42}]] * 8
    assert [asked.path for asked in api.asked].count("/token") == 1
