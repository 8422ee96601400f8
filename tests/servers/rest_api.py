"""A REST API of a small shop over HTTP: every way of pagination and authentication, and what goes wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

USER, PASSWORD, API_KEY, CLIENT_ID, CLIENT_SECRET = "ada", "pass:word", "k3y", "reader", "s3cr&t"


def order(number: int) -> dict[str, Any]:
    """Order `number`, from 1."""
    return {
        "id": number,
        "at": f"2026-03-{1 + (number - 1) % 28:02}T06:00:00Z",
        "customer": {"name": ("Ada", "Bo", "Cleo")[number % 3], "city": "Bern"},
        "price": number * 1.5,
        "paid": number % 2 == 0,
        "note": None if number % 5 else "urgent",
    }


@attrs.frozen
class Asked:
    """A request as the server got it. Header names are in lower case; of a repeated parameter all values."""

    method: str
    path: str
    params: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def number(self, name: str, default: int) -> int:
        return int(self.params.get(name, [str(default)])[0])

    def json(self) -> Any:
        return json.loads(self.body)


@attrs.frozen
class Answer:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}


Route = Callable[["RestApi", Asked], Answer]


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **named})


class RestApi:
    """`routes` answer paths; a test may add its own. `asked` has every request."""

    def __init__(self, orders: int) -> None:
        self.orders = [order(number) for number in range(1, orders + 1)]
        self.routes: dict[str, Route] = dict(_ROUTES)
        self.asked: list[Asked] = []
        self.tokens_given = 0
        self.hung_up = threading.Event()
        """Set when a client closed a connection while its answer was due."""
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = self.routes.get(asked.path)
        return route(self, asked) if route else as_json({"error": "there is no such path"}, 404)

    def page(self, start: int, size: int) -> list[dict[str, Any]]:
        return self.orders[start : start + size]


def _plain(api: RestApi, asked: Asked) -> Answer:
    return as_json(api.orders)


def _header_link(api: RestApi, asked: Asked) -> Answer:
    page, size = asked.number("page", 1), asked.number("per_page", 10)
    rows = api.page((page - 1) * size, size)
    if page * size >= len(api.orders):
        return as_json(rows)
    following = urlencode({"page": page + 1, "per_page": size})
    return as_json(rows, Link=f'<{api.url}/first>; rel="first", </header_link?{following}>; rel="next"')


def _json_link(api: RestApi, asked: Asked) -> Answer:
    page = asked.number("page", 1)
    more = page * 10 < len(api.orders)
    following = f"{api.url}/json_link?page={page + 1}" if more else None
    return as_json({"data": {"items": api.page((page - 1) * 10, 10)}, "paging": {"next": following}})


def _cursor(api: RestApi, asked: Asked) -> Answer:
    start = asked.number("after", 0)
    following = str(start + 10) if start + 10 < len(api.orders) else ""
    return as_json({"items": api.page(start, 10), "meta": {"cursor": following}}, X_Next=following)


def _offset(api: RestApi, asked: Asked) -> Answer:
    size = min(asked.number("limit", 10), 25)  # servers may give fewer than they are asked for
    rows = api.page(asked.number("offset", 0), size)
    return as_json({"items": rows, "total": len(api.orders)})


def _page_number(api: RestApi, asked: Asked) -> Answer:
    page, size = asked.number("page", 1), asked.number("limit", 10)
    pages = -(-len(api.orders) // size)
    return as_json({"items": api.page((page - 1) * size, size), "pages": pages, "more": page < pages})


def _graphql(api: RestApi, asked: Asked) -> Answer:
    query = asked.json()
    if "orders" not in query["query"]:
        return as_json({"data": None, "errors": [{"message": "Cannot query that field."}]})
    start = int(query["variables"].get("after") or 0)
    info = {"hasNextPage": start + 10 < len(api.orders), "endCursor": str(start + 10)}
    return as_json({"data": {"orders": {"nodes": api.page(start, 10), "pageInfo": info}}})


def _lines(api: RestApi, asked: Asked) -> Answer:
    body = "".join(json.dumps(each) + "\n" for each in api.orders)
    return Answer(body.encode(), headers={"Content-Type": "application/x-ndjson"})


def _csv(api: RestApi, asked: Asked) -> Answer:
    lines = ["id,at,customer,price,note"]
    lines += [
        f'{each["id"]},{each["at"]},"{each["customer"]["name"]}, Bern",{each["price"]},'
        for each in api.orders
    ]
    return Answer("\r\n".join(lines).encode(), headers={"Content-Type": "text/csv"})


def _rows(api: RestApi, asked: Asked) -> Answer:
    """As many as asked for, in pages of 10,000."""
    count, page = asked.number("count", 1), asked.number("page", 1)
    first = (page - 1) * 10_000
    return as_json([{"n": number} for number in range(first, min(first + 10_000, count))])


def _echo(api: RestApi, asked: Asked) -> Answer:
    value = asked.params.get("value", [""])
    return as_json([{"value": value[0], "all": value, "path": asked.path, "body": asked.body.decode()}])


def _with_null(api: RestApi, asked: Asked) -> Answer:
    return as_json([{"value": asked.params["value"][0]}, {"value": None}])


def _slow(api: RestApi, asked: Asked) -> Answer:
    raise TimeoutError  # the handler waits for the client to go away


def _needs_basic(api: RestApi, asked: Asked) -> Answer:
    wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return _if(asked.headers.get("authorization") == f"Basic {wanted}")


def _needs_key(api: RestApi, asked: Asked) -> Answer:
    return _if(API_KEY in (asked.headers.get("x-api-key"), *asked.params.get("key", [])))


def _needs_token(api: RestApi, asked: Asked) -> Answer:
    return _if(asked.headers.get("authorization") == f"Bearer token-{api.tokens_given}")


def _token(api: RestApi, asked: Asked) -> Answer:
    form = parse_qs(asked.body.decode())
    pair = f"{CLIENT_ID}:{CLIENT_SECRET.replace('&', '%26')}".encode()
    by_header = asked.headers.get("authorization") == f"Basic {base64.b64encode(pair).decode()}"
    by_body = (form.get("client_id"), form.get("client_secret")) == ([CLIENT_ID], [CLIENT_SECRET])
    if not (by_header or by_body) or form["grant_type"] != ["client_credentials"]:
        return as_json({"error": "invalid_client", "error_description": "Unknown client."}, 401)
    api.tokens_given += 1
    return as_json({"access_token": f"token-{api.tokens_given}", "token_type": "Bearer", "expires_in": 3600})


def _if(allowed: bool) -> Answer:
    return as_json([{"secret": 42}]) if allowed else as_json({"message": "Who are you?"}, 401)


_ROUTES: Mapping[str, Route] = {
    "/orders": _plain,
    "/header_link": _header_link,
    "/json_link": _json_link,
    "/cursor": _cursor,
    "/offset": _offset,
    "/page_number": _page_number,
    "/graphql": _graphql,
    "/orders.jsonl": _lines,
    "/orders.csv": _csv,
    "/rows": _rows,
    "/echo": _echo,
    "/with_null": _with_null,
    "/slow": _slow,
    "/needs/basic": _needs_basic,
    "/needs/key": _needs_key,
    "/needs/token": _needs_token,
    "/token": _token,
}


@contextlib.contextmanager
def start_rest_api(orders: int = 35) -> Iterator[RestApi]:
    """A shop with so many orders, on loopback."""
    api = RestApi(orders)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body together, or each answer waits for an acknowledgement

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            params = parse_qs(target.query, keep_blank_values=True)
            try:
                answer = api.answer(Asked(self.command, target.path, params, headers, body))
            except TimeoutError:
                self.connection.settimeout(60)
                with contextlib.suppress(OSError):
                    if self.connection.recv(1) == b"":
                        api.hung_up.set()
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is what some tests want."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
