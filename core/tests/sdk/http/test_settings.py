"""HTTP settings come from jsonData and secureJsonData, and are checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationError
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClientSettings
from headwater.sdk.http.settings import reveal
from headwater.secrets import Secret


def settings(
    url: str = "http://server:9090/base", *, secrets: dict[str, str] | None = None, **fields: Any
) -> HttpClientSettings:
    json_data = fields.pop("json_data", {})
    return HttpClientSettings.from_instance(
        DataSourceInstanceSettings(
            uid="u",
            name="n",
            type="t",
            url=url,
            json_data=json_data,
            decrypted_secure_json_data={key: Secret(value) for key, value in (secrets or {}).items()},
            **fields,
        )
    )


NO_HTTP = "the URL must start with http:// or https:// and name a host"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "a URL is required"),
        ("server:9090", NO_HTTP),
        ("ftp://server", NO_HTTP),
        ("http://", NO_HTTP),
        ("http://user:pw@server", "put credentials into basicAuth, not into the URL"),
        ("http://server/#x", "the URL must not have a fragment (#…)"),
        ("http://s:port", "this is not a URL"),
        ("http://[::1", "this is not a URL"),
    ],
)
def test_a_url_that_is_not_plain_http_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValidationError) as failed:
        settings(url)
    assert (failed.value.path, failed.value.reason) == ("url", reason)


def test_the_origin_in_messages_has_no_path() -> None:
    assert settings().origin == "http://server:9090"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.9:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_loopback_is_recognised(url: str, loopback: bool) -> None:
    assert settings(url).is_loopback is loopback


def test_numbers_may_be_texts_as_the_editor_stores_them() -> None:
    assert settings(json_data={"timeout": "12"}).timeout == 12.0
    assert settings(json_data={"timeout": ""}).timeout == 30.0
    assert settings(json_data={"timeout": 0}).timeout == 30.0


def test_a_wrong_value_names_its_key() -> None:
    with pytest.raises(ValidationError) as failed:
        settings(json_data={"timeout": "soon"})
    assert failed.value.path == "jsonData.timeout"


def test_custom_headers_are_counted_until_the_first_gap() -> None:
    made = settings(
        json_data={"httpHeaderName1": "X-A", "httpHeaderName2": "X-B", "httpHeaderName4": "X-D"},
        secrets={"httpHeaderValue1": "a", "httpHeaderValue2": "b", "httpHeaderValue4": "d"},
    )
    assert [(name, reveal(value)) for name, value in made.headers] == [("X-A", "a"), ("X-B", "b")]


def test_a_custom_header_without_a_value_is_empty() -> None:
    made = settings(json_data={"httpHeaderName1": "X-A"})
    assert [(name, reveal(value)) for name, value in made.headers] == [("X-A", "")]


def test_keys_that_are_not_of_http_are_left_alone() -> None:
    assert settings(json_data={"timeout": 5, "database": "d"}, secrets={"apiKey": "k"}).timeout == 5


@pytest.mark.parametrize(("enabled", "user"), [(True, "reader"), (False, None)])
def test_basic_auth_has_a_user_where_it_is_enabled(enabled: bool, user: str | None) -> None:
    assert settings(basic_auth_enabled=enabled, basic_auth_user="reader").basic_auth_user == user


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("X A", "v", "jsonData.httpHeaderName1"),
        ("X-A", "v\r\nX-B: w", "secureJsonData.httpHeaderValue1"),
        ("Host", "evil", "jsonData.httpHeaderName1"),
        ("Content-Length", "0", "jsonData.httpHeaderName1"),
    ],
)
def test_a_header_that_would_break_the_request_is_refused(name: str, value: str, path: str) -> None:
    with pytest.raises(ValidationError) as failed:
        settings(json_data={"httpHeaderName1": name}, secrets={"httpHeaderValue1": value})
    assert failed.value.path == path
    assert "\r" not in str(failed.value)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("X A", "v", "is not a header name"),
        ("X-A", "v\r\nX-B: w", "holds a line break or another control character"),
        ("Host", "evil", "the header Host is set by the transport"),
        ("X-A", "\ud800", "the value of header X-A is not valid Unicode"),
    ],
)
def test_headers_that_a_plugin_gives_are_checked_too(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValidationError) as failed:
        HttpClientSettings("http://server", headers=((name, value),))
    assert (failed.value.path, failed.value.reason) == ("headers", reason)


@pytest.mark.parametrize(
    ("user", "secrets", "path", "what"),
    [
        ("u", {"bearerToken": "\ud800"}, "secureJsonData.bearerToken", "the value of header Authorization"),
        ("\ud800", {}, "basicAuthUser", "the user"),
        ("u", {"basicAuthPassword": "\ud800"}, "secureJsonData.basicAuthPassword", "the password"),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused(
    user: str, secrets: dict[str, str], path: str, what: str
) -> None:
    with pytest.raises(ValidationError) as failed:
        settings(basic_auth_enabled=True, basic_auth_user=user, secrets=secrets)
    assert (failed.value.path, failed.value.reason) == (path, f"{what} is not valid Unicode")


@pytest.mark.parametrize("given", [["tlsClientCert"], ["tlsClientKey"], []])
def test_a_client_certificate_and_its_key_need_each_other(given: list[str]) -> None:
    with pytest.raises(ValidationError) as failed:
        settings(json_data={"tlsAuth": True}, secrets=dict.fromkeys(given, "pem"))
    assert failed.value.path == "jsonData.tlsAuth"
    assert failed.value.reason == "tlsAuth needs tlsClientCert and tlsClientKey"


def test_a_client_certificate_with_its_key_is_taken() -> None:
    made = settings(json_data={"tlsAuth": True}, secrets={"tlsClientCert": "pem", "tlsClientKey": "pem"})
    assert made.options.tls_auth


def test_secrets_are_not_shown() -> None:
    made = settings(
        basic_auth_enabled=True,
        basic_auth_user="reader",
        json_data={"httpHeaderName1": "X-Key"},
        secrets={"basicAuthPassword": "canary-1", "httpHeaderValue1": "canary-2", "bearerToken": "canary-3"},
    )
    assert "canary" not in repr(made)
