"""HTTP settings come from jsonData and secureJsonData, and are checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationError
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClientSettings
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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "server:9090",
        "ftp://server",
        "http://",
        "http://user:pw@server",
        "http://server/#x",
        "http://s:port",
    ],
)
def test_a_url_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as failed:
        settings(url)
    assert failed.value.path == "url"
    assert "pw" not in str(failed.value)


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
    assert [name for name, _ in made.headers] == ["X-A", "X-B"]


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


def test_a_client_certificate_needs_its_key() -> None:
    with pytest.raises(ValidationError, match="tlsClientKey"):
        settings(json_data={"tlsAuth": True}, secrets={"tlsClientCert": "pem"})


def test_secrets_are_not_shown() -> None:
    made = settings(
        basic_auth_enabled=True,
        basic_auth_user="reader",
        json_data={"httpHeaderName1": "X-Key"},
        secrets={"basicAuthPassword": "canary-1", "httpHeaderValue1": "canary-2", "bearerToken": "canary-3"},
    )
    assert "canary" not in repr(made)
