from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from headwater import CallContext, Secret
from headwater.errors import MethodNotImplementedError, ValidationError
from headwater.models import CallResourceRequest, CallResourceResponse, PluginContext
from headwater.sdk import ResourceRequest, json_response, resource
from headwater.sdk.resources import dispatch, routes_of


class Source:
    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[str]:
        return ["a", "b"]

    @resource("tables/{table}")
    def table(self, request: ResourceRequest, context: CallContext) -> dict[str, Any]:
        return {"table": request.params["table"], "query": request.query, "method": request.method}

    @resource("tables/special")
    def special(self, request: ResourceRequest, context: CallContext) -> str:
        return "special"

    @resource("/write/", methods=("post", "PUT"))
    def write(self, request: ResourceRequest, context: CallContext) -> Any:
        return {"body": request.json(), "matches": request.query_list("match[]")}

    @resource("raw")
    def raw(self, request: ResourceRequest, context: CallContext) -> CallResourceResponse:
        return CallResourceResponse(418, {"X": ("y",)}, b"tea")

    @resource("pieces")
    def pieces(self, request: ResourceRequest, context: CallContext) -> Iterator[CallResourceResponse]:
        yield CallResourceResponse(200, {}, b"a")
        yield CallResourceResponse(200, {}, b"b")

    def not_a_route(self) -> None:
        raise AssertionError


def call(path: str, method: str = "GET", url: str = "", body: bytes = b"") -> list[CallResourceResponse]:
    request = CallResourceRequest(PluginContext("p"), path, method=method, url=url or path, body=body)
    return list(dispatch(Source(), routes_of(Source), request, CallContext()))


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("", {"path": ""}),
        ("-/healthy", {"path": "-/healthy"}),
        ("of/a", {"path": "of/a", "kind": "a"}),
    ],
)
def test_a_method_may_serve_several_paths_and_the_root(path: str, answered: dict[str, str]) -> None:
    class Several:
        @resource("", "-/healthy", "of/{kind}")
        def several(self, request: ResourceRequest, context: CallContext) -> dict[str, Any]:
            return {"path": request.path, **request.params}

    request = CallResourceRequest(PluginContext("p"), path, url=path)
    (response,) = dispatch(Several(), routes_of(Several), request, CallContext())
    assert json.loads(response.body) == answered


def answer(path: str, **more: Any) -> Any:
    (response,) = call(path, **more)
    assert response.headers["Content-Type"] == ("application/json",)
    return json.loads(response.body)


def test_a_path_finds_its_method() -> None:
    assert answer("tables") == ["a", "b"]
    assert answer("/tables/") == ["a", "b"]
    assert answer("tables/x", url="tables/x?a=1&a=2&b=") == {
        "table": "x",
        "query": {"a": "2", "b": ""},
        "method": "GET",
    }


def test_a_plain_segment_goes_before_a_parameter() -> None:
    assert answer("tables/special") == "special"


@pytest.mark.parametrize("method", ["post", "PUT"])
def test_a_method_reads_its_body_and_repeated_parameters(method: str) -> None:
    read = answer("write", method=method, url="write?match[]=a&match[]=b", body=b'{"x": 1}')
    assert read == {"body": {"x": 1}, "matches": ["a", "b"]}
    assert answer("write", method=method) == {"body": None, "matches": []}


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError, match="not valid JSON"):
        call("write", method="POST", body=body)


def test_responses_pass_as_they_are() -> None:
    assert call("raw") == [CallResourceResponse(418, {"X": ("y",)}, b"tea")]
    assert [each.body for each in call("pieces")] == [b"a", b"b"]


def test_an_unknown_path_names_the_known_ones() -> None:
    with pytest.raises(MethodNotImplementedError) as caught:
        call("nothing")
    assert caught.value.status == 404
    assert "known resources: pieces, raw, tables, tables/special, write, tables/{table}" in str(caught.value)
    with pytest.raises(MethodNotImplementedError, match="not_a_route"):
        call("not_a_route")


def test_a_wrong_method_names_the_right_ones() -> None:
    with pytest.raises(MethodNotImplementedError, match="answers only POST, PUT") as caught:
        call("write")
    assert caught.value.status == 405


def encoded(text: str, times: int) -> str:
    for _ in range(times):
        text = "".join(f"%{byte:02X}" for byte in text.encode())
    return text


@pytest.mark.parametrize("times", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("escape", ["..", ".", "a/b", "..\\..", "\\", "a\x00", "a\nb", "a\x7f", "a\x85b"])
def test_a_parameter_never_lets_an_escape_through(escape: str, times: int) -> None:
    if times == 0 and "/" in escape:
        escape = "../.."
    with pytest.raises(ValidationError):
        call("tables/" + encoded(escape, times))


@pytest.mark.parametrize("path", ["tables//x", "", "/", "//", "%", "tables/%ff", "tables/%c0%ae%c0%ae"])
def test_paths_that_mean_two_things_are_refused(path: str) -> None:
    with pytest.raises((ValidationError, MethodNotImplementedError)):
        call(path)


NAMES = st.text(min_size=1, max_size=10).filter(lambda text: text not in (".", "..", "special"))


@given(NAMES, st.integers(0, 3))
def test_whatever_reaches_a_method_is_one_harmless_segment(name: str, times: int) -> None:
    path = name
    for _ in range(times):
        path = quote(path, safe="", errors="surrogatepass")
    try:
        table = answer(f"tables/{path}")["table"]
    except (ValidationError, MethodNotImplementedError):
        return
    assert table not in ("", ".", "..")
    assert not set(table) & set("/\\\x00\r\n")


@given(
    st.text(
        st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp"), blacklist_characters="/\\%"), min_size=1
    )
)
def test_names_of_tables_come_through_quoting(name: str) -> None:
    if name.strip(".") == "" or name == "special":
        return
    assert answer(f"tables/{quote(name, safe='')}")["table"] == name


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"a": [1, None, "ü"]}, '{"a":[1,null,"ü"]}'),
        (datetime(2024, 1, 2, tzinfo=UTC), '"2024-01-02 00:00:00+00:00"'),
        ([Decimal("1.50")], '["1.50"]'),
        ([float("nan"), float("inf"), 1.5, {"x": -float("inf")}], '["NaN","Infinity",1.5,{"x":"-Infinity"}]'),
        (Secret("hunter2"), '"********"'),
        ("\ud800", '"?"'),
    ],
)
def test_anything_becomes_valid_json(value: Any, body: str) -> None:
    response = json_response(value, 201)
    assert (response.status, response.body.decode()) == (201, body)
