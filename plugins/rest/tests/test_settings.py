"""What settings cannot mean is refused when they are saved, by its path."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationError
from headwater.sdk import parse
from headwater_rest.settings import RestSettings

from .conftest import MakeHost


def refused(path: str, said: str, **json_data: Any) -> None:
    with pytest.raises(ValidationError, match=said) as failed:
        parse(RestSettings, json_data, path="jsonData")
    assert failed.value.path == path


@pytest.mark.parametrize(
    ("endpoint", "path", "said"),
    [
        ({"pathh": "x"}, ".pathh", "unknown key; did you mean 'path'"),
        ({"path": "x?y=1"}, "", "query parameters belong into params"),
        ({"path": "https://elsewhere.example/x"}, "", "relative to the URL"),
        ({"path": "a/../b"}, "", r"segment '\.\.' is not allowed"),
        ({"method": "DELETE"}, ".method", "expected one of 'GET', 'POST'"),
        ({"json": {}}, "", "a JSON body needs method: POST"),
        ({"headers": {"Host": "x"}}, "", "Host is set by the transport"),
        ({"headers": {"X": "a\nb"}}, "", "headers"),
        ({"dataSelector": "a[?"}, "", "is not JMESPath"),
        ({"format": "csv", "dataSelector": "a"}, "", "are for JSON, not for csv"),
        ({"format": "xml"}, ".format", "expected one of 'json', 'jsonl', 'csv'"),
        ({"columns": [{"name": "a"}, {"name": "a"}]}, "", "two columns are called 'a'"),
        ({"columns": [{"name": "a", "typ": "x"}]}, ".columns[0].typ", "unknown key; did you mean 'type'"),
        ({"columns": [{"name": "a", "type": "int"}]}, ".columns[0]", "no column type 'int'; there are bool"),
        ({"columns": [{"name": "a", "type": "decimal128(40, 2)"}]}, ".columns[0]", "1 to 38 digits"),
        ({"columns": [{"name": "a", "format": "iso"}]}, ".columns[0]", "format is for times"),
        (
            {"columns": [{"name": "a", "type": "timestamp", "format": "rfc"}]},
            ".columns[0]",
            "no format 'rfc'",
        ),
        ({"columns": [{"name": "a", "path": "b["}]}, ".columns[0]", "is not JMESPath"),
        ({"paginator": {"type": "links"}}, ".paginator.type", "expected one of 'single_page', 'header_link'"),
        ({"paginator": {}}, ".paginator.type", "is required"),
        (
            {"paginator": {"type": "offset", "cursorPath": "a"}},
            ".paginator",
            "cursorPath is no key of offset",
        ),
        ({"paginator": {"type": "header_cursor"}}, ".paginator", "needs cursorKey"),
        ({"paginator": {"type": "json_link", "nextUrlPath": "a."}}, ".paginator", "is not JMESPath"),
    ],
)
def test_an_endpoint_is_checked(endpoint: dict[str, Any], path: str, said: str) -> None:
    refused(f"jsonData.endpoints.orders{path}", said, endpoints={"orders": endpoint})


@pytest.mark.parametrize("paginator", [{"type": "offset"}, {"type": "page_number"}])
@pytest.mark.parametrize("selector", ["items[?active]", "items[].lines[]", "items[:5]"])
def test_a_selector_that_hides_rows_does_not_go_with_counting(
    paginator: dict[str, str], selector: str
) -> None:
    endpoints = {"orders": {"dataSelector": selector, "paginator": paginator}}
    refused("jsonData.endpoints.orders.dataSelector", "hides how many", endpoints=endpoints)
    told = {"orders": {"dataSelector": selector, "paginator": {"type": "page_number", "totalPath": "pages"}}}
    parse(RestSettings, {"endpoints": told})


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        (
            {"auth": {"type": "oauth2_client_credentials"}},
            "jsonData.auth",
            "needs accessTokenUrl and clientId",
        ),
        ({"auth": {"type": "api_key", "name": "Content-Length"}}, "jsonData.auth", "set by the transport"),
        ({"auth": {"type": "digest"}}, "jsonData.auth.type", "expected one of 'api_key'"),
        ({"headers": {"Host": "x"}}, "jsonData", "Host is set by the transport"),
        ({"healthEndpoint": "x"}, "jsonData.healthEndpoint", "there is no such endpoint"),
        ({"endpoint": {}}, "jsonData.endpoint", "unknown key; did you mean 'endpoints'"),
    ],
)
def test_the_data_source_is_checked(settings: dict[str, Any], path: str, said: str) -> None:
    refused(path, said, **settings)


def test_unknown_keys_are_refused_when_the_data_source_is_added(make_host: MakeHost) -> None:
    with pytest.raises(ValidationError, match=r"jsonData\.endpoints\.a\.columns\[0\]\.typ: unknown key"):
        make_host(a={"columns": [{"name": "x", "typ": "int64"}]})
