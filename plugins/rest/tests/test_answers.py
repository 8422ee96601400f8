"""Other answers than pages of JSON, and what surrounds a query: resources, health, pace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa
import pytest

from headwater.errors import DownstreamProtocolError
from headwater.models import HealthStatus
from headwater_rest.rows import stream_lines
from servers.rest_api import Answer, RestApi

from .conftest import MakeHost

GRAPHQL = {
    "path": "graphql",
    "method": "POST",
    "json": {
        "query": "query ($after: String) { orders(after: $after) { nodes {id} pageInfo {endCursor} } }",
        "variables": {},
    },
    "dataSelector": "data.orders.nodes",
    "errorSelector": "errors[0].message",
    "paginator": {
        "type": "cursor",
        "cursorPath": "data.orders.pageInfo.endCursor",
        "cursorBodyPath": "variables.after",
        "hasMorePath": "data.orders.pageInfo.hasNextPage",
    },
}


def test_graphql_is_a_post_with_a_cursor_in_its_body(make_host: MakeHost, api: RestApi) -> None:
    table = make_host(orders=GRAPHQL).query("shop", "orders").table
    assert table["id"].to_pylist() == list(range(1, 36))
    assert [asked.json()["variables"] for asked in api.asked] == [
        {},
        {"after": "10"},
        {"after": "20"},
        {"after": "30"},
    ]
    assert api.asked[0].headers["content-type"] == "application/json"


def test_json_lines(make_host: MakeHost) -> None:
    table = make_host(orders={"path": "orders.jsonl", "format": "jsonl"}).query("shop", "orders").table
    assert table["id"].to_pylist() == list(range(1, 36))
    assert table.schema.field("customer").type == pa.json_()


def test_csv_is_typed_as_its_texts_read(make_host: MakeHost) -> None:
    table = make_host(orders={"path": "orders.csv", "format": "csv"}).query("shop", "orders").table
    assert table.schema.types == [
        pa.int64(),
        pa.timestamp("us", "UTC"),
        pa.string(),
        pa.float64(),
        pa.string(),
    ]
    assert table["customer"][0].as_py() == "Bo, Bern"
    assert table["note"].null_count == 35


@pytest.mark.parametrize(
    ("texts", "type_"),
    [
        (["0", "-5", ""], pa.int64()),
        (["0.5", "1e3", "7"], pa.float64()),
        (["18446744073709551615", "0"], pa.uint64()),
        (["00123", "45"], pa.string()),
        (["1", "007.5"], pa.string()),
        (["1.5", "98765432109876543210"], pa.string()),
        (["true", "FALSE"], pa.bool_()),
        (["0001-01-01T00:00:00Z"], pa.timestamp("us", "UTC")),
    ],
    ids=str,
)
def test_numbers_in_csv_lose_nothing(
    texts: list[str], type_: pa.DataType, make_host: MakeHost, api: RestApi
) -> None:
    api.routes["/page"] = lambda _, asked: Answer(
        "\n".join(["a,b", *(f"{text},x" for text in texts)]).encode()
    )
    table = make_host(page={"path": "page", "format": "csv"}).query("shop", "page").table
    assert table.schema.field("a").type == type_
    if type_ == pa.string():
        assert table["a"].to_pylist() == texts


@pytest.mark.parametrize(
    ("form", "body", "said"),
    [
        ("jsonl", b'{"a": 1}\n{"a"', "Line 2 is not JSON"),
        ("csv", b"a,b,a\n1,2,3\n", "two columns called 'a'"),
        ("csv", b"a,b\n1\n", "Line 2 of the CSV has 1 cells, its header has 2"),
        ("csv", b'a\n"x" y\n', "Line 2 is not CSV"),
        ("csv", b"a\n\xff\n", "Line 2 is not UTF-8"),
    ],
)
def test_a_broken_line_is_told(form: str, body: bytes, said: str, make_host: MakeHost, api: RestApi) -> None:
    api.routes["/page"] = lambda _, asked: Answer(body)
    with pytest.raises(DownstreamProtocolError, match=said):
        make_host(page={"path": "page", "format": form}).query("shop", "page")


def test_csv_may_hold_line_ends_marks_and_nothing(make_host: MakeHost, api: RestApi) -> None:
    host = make_host(page={"path": "page", "format": "csv"})
    api.routes["/page"] = lambda _, asked: Answer(b'\xef\xbb\xbfa,b\r\n"x\r\ny",\r\n\r\n"",2')
    assert host.query("shop", "page").table.to_pylist() == [{"a": "x\r\ny", "b": None}, {"a": None, "b": 2}]
    api.routes["/page"] = lambda _, asked: Answer(b"")
    assert host.query("shop", "page").num_rows == 0


def test_a_long_line_may_come_in_small_pieces() -> None:
    class Dripping:
        def stream_chunks(self) -> Iterator[bytes]:
            yield b'{"a": 1}\n{"a": "'
            for _ in range(3_000_000):
                yield b"x"
            yield b'"}\n\n{"a": 2}'

    (rows,) = stream_lines(cast("Any", Dripping()), 4_000_000, exact=False)
    assert [len(str(row["a"])) for row in rows] == [1, 3_000_000, 1]


def test_json_may_begin_with_a_byte_order_mark(make_host: MakeHost, api: RestApi) -> None:
    api.routes["/page"] = lambda _, asked: Answer(b'\xef\xbb\xbf[{"a": 1}]')
    assert make_host(page={"path": "page"}).query("shop", "page").table.to_pylist() == [{"a": 1}]


def test_a_csv_may_have_as_many_columns_as_fit_into_a_line(make_host: MakeHost, api: RestApi) -> None:
    names = [f"c{number}" for number in range(300_000)]
    api.routes["/page"] = lambda _, asked: Answer(",".join(names).encode())
    host = make_host(page={"path": "page", "format": "csv", "columns": [{"name": names[-1]}]})
    assert host.query("shop", "page").num_rows == 0


def test_endpoints_are_tables_with_columns(make_host: MakeHost, api: RestApi) -> None:
    typed = {"name": "n", "type": "int64", "doc": "A number."}
    host = make_host(
        orders={"path": "orders", "doc": "All orders"},
        typed={"path": "customers/{customer}", "columns": [typed]},
        untyped={"path": "customers/{customer}", "columns": [{"name": "n"}]},
    )

    def resource(path: str) -> object:
        name, _, query = path.partition("?")
        return json.loads(host.call_resource("shop", name, query_string=query).body)

    assert resource("tables") == [
        {"name": "orders", "comment": "All orders"},
        {"name": "typed", "comment": "{customer}"},
        {"name": "untyped", "comment": "{customer}"},
    ]
    assert resource("columns?table=typed") == [{"name": "n", "type": "int64", "comment": "A number."}]
    assert resource("columns?table=untyped") == [{"name": "n", "type": "", "comment": ""}]
    assert api.asked == []
    columns = resource("columns?table=orders")
    assert isinstance(columns, list)
    assert {"name": "at", "type": "timestamp[us, tz=UTC]", "comment": ""} in columns
    assert len(api.asked) == 1


def test_health_asks_the_first_endpoint_that_needs_nothing(make_host: MakeHost, api: RestApi) -> None:
    host = make_host(customer={"path": "customers/{customer}"}, orders={"path": "orders"})
    result = host.check_health("shop")
    assert (result.status, result.message) == (HealthStatus.OK, "The endpoint orders answers.")
    assert [asked.path for asked in api.asked] == ["/orders"]


def test_health_asks_what_it_is_told_to(make_host: MakeHost) -> None:
    host = make_host({"healthEndpoint": "lost"}, orders={"path": "orders"}, lost={"path": "lost"})
    result = host.check_health("shop")
    assert result.status is HealthStatus.ERROR
    assert "404" in result.message


def test_health_says_what_it_lacks(make_host: MakeHost) -> None:
    result = make_host(customer={"path": "customers/{customer}"}).check_health("shop")
    assert "No endpoint can be asked without parameters" in result.message


def test_a_data_source_keeps_its_pace(make_host: MakeHost) -> None:
    endpoint = {"path": "header_link", "paginator": {"type": "header_link"}}
    started = time.monotonic()
    assert make_host({"rateLimit": 20}, orders=endpoint).query("shop", "orders").num_rows == 35
    assert time.monotonic() - started >= 3 / 20, "four pages have three gaps"


def test_headers_of_the_data_source_and_of_the_endpoint_are_sent(make_host: MakeHost, api: RestApi) -> None:
    make_host(
        {"headers": {"Accept": "application/json", "X-A": "1"}},
        orders={"path": "orders", "headers": {"X-B": "2"}},
    ).query("shop", "orders")
    headers = api.asked[0].headers
    assert (headers["accept"], headers["x-a"], headers["x-b"]) == ("application/json", "1", "2")


@pytest.mark.parametrize(("form", "kind"), [("json", "application/json"), ("csv", "text/csv")])
def test_the_form_of_the_answer_is_asked_for(form: str, kind: str, make_host: MakeHost, api: RestApi) -> None:
    api.routes["/page"] = lambda _, asked: Answer(b"1")
    endpoint = {"path": "page", "format": form, "columns": [{"name": "v", "path": "@", "type": "json"}]}
    make_host(page=endpoint).query("shop", "page")
    make_host(page={**endpoint, "headers": {"accept": "x/y"}}).query("shop", "page")
    assert [asked.headers["accept"].partition(",")[0] for asked in api.asked] == [kind, "x/y"]
