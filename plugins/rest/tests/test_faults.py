"""What APIs do wrong ends in an error that says where, in time and in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from headwater import CallContext, Headwater
from headwater.errors import (
    DeadlineExceededError,
    DownstreamProtocolError,
    DownstreamServerError,
    HeadwaterError,
    LimitExceededError,
    QueryCanceledError,
    QueryError,
)
from headwater.network import AddressPolicy
from servers.rest_api import Answer, Asked, RestApi, as_json

from .conftest import MakeHost

TRAP = {"path": "trap"}


@pytest.fixture
def ask(make_host: MakeHost, api: RestApi) -> Callable[..., Any]:
    """`ask(answer, **endpoint)`: what becomes of a page, which is an answer or a function of the request."""

    def ask(page: Answer | Callable[[Asked], Answer], **endpoint: Any) -> Any:
        api.routes["/trap"] = lambda _, asked: page if isinstance(page, Answer) else page(asked)
        return make_host(trap={**TRAP, **endpoint}).query("shop", "trap").table

    return ask


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'[{"a": 1}', r"Page 1 is not JSON .*begins with: \[\{\"a\": 1\}"),
        (b"<html><h1>Sign in</h1>", "Page 1 is not JSON .*begins with: <html>"),
        (b"", "Page 1 is not JSON"),
        (b"[" * 100_000, "Page 1 is not JSON"),
        (b'["\xff"]', "Page 1 is not JSON"),
        (b'{"items": []}', "nothing at dataSelector 'data.rows'; it has items"),
        (b"[1]", "nothing at dataSelector 'data.rows'; it has no keys"),
    ],
)
def test_what_is_no_page_is_told(body: bytes, said: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(DownstreamProtocolError, match=said):
        ask(Answer(body), dataSelector="data.rows")


def test_no_rows_may_be_null(ask: Callable[..., Any]) -> None:
    assert ask(as_json({"data": {"rows": None}}), dataSelector="data.rows").num_rows == 0
    assert ask(as_json(None)).num_rows == 0
    assert ask(Answer(b"", 204)).num_rows == 0
    paginator = {"type": "page_number", "totalPath": "pages"}
    assert ask(Answer(b"", 204), dataSelector="data.rows", paginator=paginator).num_rows == 0


def test_an_error_in_an_answer_of_success_is_one(ask: Callable[..., Any]) -> None:
    page = as_json({"errors": [{"message": "No such field."}]})
    with pytest.raises(DownstreamServerError, match=r"reports an error: No such field\."):
        ask(page, errorSelector="errors[0].message")


def test_pages_without_end_are_an_error(ask: Callable[..., Any], api: RestApi) -> None:
    paginator = {"type": "page_number", "maxPages": 7}
    with pytest.raises(LimitExceededError, match="more than 7 pages"):
        ask(as_json([{"n": 1}]), paginator=paginator)
    assert len(api.asked) == 7


def test_a_limit_in_the_query_ends_them(make_host: MakeHost, api: RestApi) -> None:
    api.routes["/trap"] = lambda _, asked: as_json([{"n": 1}] * 10)
    host = make_host(trap={**TRAP, "paginator": {"type": "page_number"}})
    assert host.query("shop", {"endpoint": "trap", "limit": 25}).num_rows == 25
    assert len(api.asked) == 3


@pytest.mark.parametrize("way", ["json_link", "cursor"])
def test_pages_in_a_circle_are_an_error(way: str, ask: Callable[..., Any], api: RestApi) -> None:
    def page(asked: Asked) -> Answer:
        follow = {"": "1", "1": "2", "2": "1"}[asked.params.get("cursor", [""])[0]]
        return as_json({"items": [], "next": f"/trap?cursor={follow}", "cursors": {"next": follow}})

    with pytest.raises(DownstreamProtocolError, match="Page 3 leads back"):
        ask(page, dataSelector="items", paginator={"type": way})
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    "link", ["http://[::1", "http://169.254.169.254/latest", "ftp://127.0.0.1/x", {"a": 1}]
)
def test_a_hostile_link_is_refused(link: object, ask: Callable[..., Any], api: RestApi) -> None:
    with pytest.raises(DownstreamProtocolError, match=r"not followed|no URL"):
        ask(as_json({"next": link}), paginator={"type": "json_link"})
    assert len(api.asked) == 1


def test_the_address_policy_holds(api: RestApi) -> None:
    with Headwater(address_policy=AddressPolicy(deny=("127.0.0.0/8",))) as host:
        host.add_data_source("shop", type="rest", url=api.url, json_data={"endpoints": {"trap": TRAP}})
        with pytest.raises(HeadwaterError, match="does not connect"):
            host.query("shop", "trap")
    assert api.asked == []


def test_a_page_beyond_the_bound_is_not_kept(make_host: MakeHost, api: RestApi) -> None:
    api.routes["/trap"] = lambda _, asked: as_json([{"text": "x" * 100_000}])
    host = make_host({"maxPageBytes": 50_000}, trap=TRAP)
    with pytest.raises(
        LimitExceededError, match=r"Page 1 is too large\. .* 50000 bytes\. .*raise maxPageBytes"
    ):
        host.query("shop", "trap")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_line_beyond_the_bound_is_not_kept(form: str, make_host: MakeHost, api: RestApi) -> None:
    api.routes["/trap"] = lambda _, asked: Answer(b'a\n"' + b"x" * 600_000)
    host = make_host({"maxPageBytes": 50_000}, trap={**TRAP, "format": form})
    with pytest.raises(HeadwaterError, match=r"longer than 50,000 bytes|not JSON"):
        host.query("shop", "trap")


def test_cancelling_closes_the_connection(make_host: MakeHost, api: RestApi) -> None:
    context = CallContext(timeout=60)

    def cancelled(api: RestApi, asked: Asked) -> Answer:
        threading.Thread(target=context.cancel).start()
        raise TimeoutError

    api.routes["/slow"] = cancelled
    with pytest.raises(QueryCanceledError):
        make_host(slow={"path": "slow"}).query("shop", "slow", context=context)
    assert api.hung_up.wait(10)


def test_cancelling_ends_a_wait_for_a_busy_server(make_host: MakeHost, api: RestApi) -> None:
    context = CallContext(timeout=60)

    def page(api: RestApi, asked: Asked) -> Answer:
        threading.Timer(0.1, context.cancel).start()
        return as_json({}, 503, Retry_After="50")

    api.routes["/trap"] = page
    with pytest.raises(QueryCanceledError):
        make_host(trap=TRAP).query("shop", "trap", context=context)
    assert len(api.asked) == 1


def test_a_stream_that_is_closed_early_asks_for_no_more_pages(make_host: MakeHost, api: RestApi) -> None:
    api.routes["/trap"] = lambda _, asked: as_json([{"n": asked.number("page", 1)}] * 200)
    with make_host(trap={**TRAP, "paginator": {"type": "page_number"}}).stream("shop", "trap") as stream:
        assert next(iter(stream)).num_rows == 200
    assert len(api.asked) <= 2


def test_the_deadline_ends_a_slow_server(make_host: MakeHost, api: RestApi) -> None:
    with pytest.raises(DeadlineExceededError):
        make_host(slow={"path": "slow"}).query("shop", "slow", timeout=0.5)
    assert api.hung_up.wait(10)


def busy(times: int, status: int, **headers: str) -> Callable[[Asked], Answer]:
    """Says so some times, then answers."""
    left = [times]

    def page(asked: Asked) -> Answer:
        left[0] -= 1
        return as_json({"message": "busy"}, status, **headers) if left[0] >= 0 else as_json([{"n": 1}])

    return page


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    status: int, ask: Callable[..., Any], api: RestApi
) -> None:
    assert ask(busy(2, status, Retry_After="0")).num_rows == 1
    assert len(api.asked) == 3


def test_a_date_may_say_when(ask: Callable[..., Any]) -> None:
    assert ask(busy(1, 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")).num_rows == 1


def test_a_busy_server_that_does_not_say_when_is_asked_a_little_later(ask: Callable[..., Any]) -> None:
    assert ask(busy(1, 429)).num_rows == 1
    assert ask(busy(1, 503, Retry_After="soon")).num_rows == 1
    assert ask(busy(1, 503, Retry_After=f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT")).num_rows == 1


def test_a_wait_without_a_deadline_has_a_bound(make_host: MakeHost, api: RestApi) -> None:
    api.routes["/trap"] = lambda _, asked: as_json({"message": "busy"}, 429, Retry_After="9" * 400)
    with pytest.raises(DownstreamServerError, match="busy"):
        make_host(trap=TRAP).query("shop", "trap", timeout=None)


def test_a_busy_server_is_not_asked_for_ever(ask: Callable[..., Any], api: RestApi) -> None:
    with pytest.raises(DownstreamServerError, match="busy") as failed:
        ask(busy(100, 503, Retry_After="0"))
    assert failed.value.retryable
    assert len(api.asked) == 4


def test_a_wait_beyond_the_deadline_is_not_begun(ask: Callable[..., Any], api: RestApi) -> None:
    with pytest.raises(DownstreamServerError, match="busy"):
        ask(busy(1, 429, Retry_After="3600"))
    assert len(api.asked) == 1


def test_other_statuses_are_errors_at_once(make_host: MakeHost, api: RestApi) -> None:
    with pytest.raises(DownstreamServerError, match="status code 404: there is no such path"):
        make_host(lost={"path": "lost"}).query("shop", "lost")
    assert len(api.asked) == 1


def test_an_endpoint_that_is_not_there_is_told_with_the_nearest(make_host: MakeHost) -> None:
    host = make_host(orders={"path": "orders"}, customers={"path": "orders"})
    with pytest.raises(QueryError, match="no endpoint 'order'; did you mean 'orders'"):
        host.query("shop", "order")
    with pytest.raises(QueryError, match="names no endpoint; there are: orders, customers"):
        host.query("shop", {})
