"""What a REST data source is described with. Names are those of dlt's `rest_api`, in camel case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import fields, frozen

from headwater.errors import ValidationError
from headwater.sdk import ONE_LINE, Secret, field, secret
from headwater.sdk.http import HttpOptions, check_header

from .column_types import check_column_type
from .selectors import compile_selector, keeps_count
from .templates import split_template

MEBIBYTE = 1024 * 1024


@frozen(kw_only=True)
class Auth:
    """How requests are authenticated, beside basic authentication and the secret `bearerToken`."""

    type: Literal["api_key", "oauth2_client_credentials"] = field(doc="Which of the two.")
    name: str = field("Authorization", pattern=ONE_LINE, doc="`api_key`: header or query parameter.")
    location: Literal["header", "query"] = field("header", doc="`api_key`: where it is sent.")
    access_token_url: str = field("", doc="`oauth2_client_credentials`: where tokens come from.")
    client_id: str = field("", doc="`oauth2_client_credentials`: who asks.")
    scopes: tuple[str, ...] = field((), doc="`oauth2_client_credentials`: what for.")
    client_authentication: Literal["header", "body"] = field(
        "header", doc="`oauth2_client_credentials`: where id and secret are sent."
    )
    access_token_request_data: Mapping[str, str] = field(
        factory=dict, doc="`oauth2_client_credentials`: further fields, such as audience."
    )

    def __attrs_post_init__(self) -> None:
        if self.type == "api_key" and self.location == "header":
            _check_headers({self.name: ""})
        if self.type == "oauth2_client_credentials" and not (self.access_token_url and self.client_id):
            raise ValueError("oauth2_client_credentials needs accessTokenUrl and clientId")


_PAGINATOR_KEYS: Mapping[str, tuple[str, ...]] = {
    "single_page": (),
    "header_link": ("links_next_key",),
    "json_link": ("next_url_path",),
    "cursor": ("cursor_path", "cursor_param", "cursor_body_path", "has_more_path"),
    "header_cursor": ("cursor_key", "cursor_param", "cursor_body_path"),
    "offset": ("limit", "limit_param", "limit_body_path", "offset", "offset_param", "offset_body_path",
               "total_path", "has_more_path"),
    "page_number": ("base_page", "page_param", "page_body_path", "limit", "limit_param", "limit_body_path",
                    "total_path", "has_more_path"),
}  # fmt: skip


@frozen(kw_only=True)
class Paginator:
    """How one page leads to the next. Paths are selectors over the answer; a body path has dots only."""

    type: Literal[
        "single_page", "header_link", "json_link", "cursor", "header_cursor", "offset", "page_number"
    ] = field(doc="Which way.")
    links_next_key: str = field("next", doc="`header_link`: the relation in the Link header.")
    next_url_path: str = field("next", doc="`json_link`: where the answer has the next page's URL.")
    cursor_path: str = field("cursors.next", doc="`cursor`: where the answer has the next cursor.")
    cursor_key: str = field("", doc="`header_cursor`: the header that has the next cursor.")
    cursor_param: str = field("cursor", doc="Query parameter of the cursor.")
    cursor_body_path: str = field("", doc="Where the cursor stands in the JSON body instead.")
    limit: int = field(0, minimum=0, doc="Rows of a page, if they are asked for.")
    limit_param: str = field("limit", doc="Query parameter of the limit.")
    limit_body_path: str = field("", doc="Where the limit stands in the JSON body instead.")
    offset: int = field(0, minimum=0, doc="`offset`: the first one.")
    offset_param: str = field("offset", doc="Query parameter of the offset.")
    offset_body_path: str = field("", doc="Where the offset stands in the JSON body instead.")
    base_page: int = field(1, minimum=0, doc="`page_number`: the number of the first page.")
    page_param: str = field("page", doc="Query parameter of the page's number.")
    page_body_path: str = field("", doc="Where the page's number stands in the JSON body instead.")
    total_path: str = field("", doc="Where the answer has how many rows, or pages, there are.")
    has_more_path: str = field("", doc="Where the answer says whether there are more.")
    max_pages: int = field(1000, minimum=1, doc="More pages than these are an error.")

    def __attrs_post_init__(self) -> None:
        known = {"type", "max_pages", *_PAGINATOR_KEYS[self.type]}
        for each in fields(Paginator):
            if each.name not in known and getattr(self, each.name) != each.default:
                raise ValueError(f"{each.metadata.get('key') or _camel(each.name)} is no key of {self.type}")
        if self.type == "header_cursor" and not self.cursor_key:
            raise ValueError("header_cursor needs cursorKey")
        for path in (self.next_url_path, self.cursor_path, self.total_path, self.has_more_path):
            compile_selector(path)

    @property
    def counts_rows(self) -> bool:
        """Whether the number of rows in a page says where the next one begins, or that there is none."""
        told = self.total_path or self.has_more_path
        return self.type == "offset" or (self.type == "page_number" and not told)


SINGLE_PAGE = Paginator(type="single_page")


@frozen(kw_only=True)
class Column:
    """One column of an endpoint's rows."""

    name: str = field(doc="Name in the answer.")
    path: str = field("", doc="Selector over the row; by default the key that is called `name`.")
    type: str = field("", doc="Arrow type; inferred from the first rows if not given.")
    format: str = field("", doc="Of times: iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or as of strptime.")
    doc: str = field("", doc="What it means, for people.")

    def __attrs_post_init__(self) -> None:
        compile_selector(self.path)
        check_column_type(self.type, self.format)


@frozen(kw_only=True)
class Endpoint:
    """One table: a request, the way through its pages, and what its rows are."""

    path: str = field("", doc="Relative to the URL; `{name}` is a parameter.")
    method: Literal["GET", "POST"] = field("GET", doc="POST for those that read by it.")
    params: Mapping[str, Any] = field(factory=dict, doc="Query parameters; values may hold `{name}`.")
    headers: Mapping[str, str] = field(factory=dict, doc="Headers beside the data source's.")
    json: Any = field(None, doc="JSON body; a text that is `{name}` and nothing else becomes its value.")
    defaults: Mapping[str, Any] = field(
        factory=dict, doc="Values of parameters that a query may leave out; null drops what has it."
    )
    format: Literal["json", "jsonl", "csv"] = field("json", doc="What answers are.")
    data_selector: str = field("", doc="JMESPath to the rows in a page; by default the page itself.")
    error_selector: str = field("", doc="JMESPath to an error's text in an answer with a good status.")
    columns: tuple[Column, ...] = field((), doc="Columns; by default the keys of the first rows.")
    paginator: Paginator | None = field(None, doc="Instead of the data source's.")
    doc: str = field("", doc="What it is, for people.")

    def __attrs_post_init__(self) -> None:
        split_template(self.path)
        compile_selector(self.data_selector)
        compile_selector(self.error_selector)
        _check_headers(self.headers)
        if self.json is not None and self.method == "GET":
            raise ValueError("a JSON body needs method: POST")
        names = [column.name for column in self.columns]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two columns are called {twice!r}")
        if self.format != "json" and (self.data_selector or self.error_selector):
            raise ValueError(f"dataSelector and errorSelector are for JSON, not for {self.format}")


@frozen(kw_only=True)
class RestSettings(HttpOptions):
    """The URL, basic authentication and the keys of `HttpOptions` come on top."""

    endpoints: Mapping[str, Endpoint] = field(factory=dict, doc="Endpoints by name, which queries ask for.")
    auth: Auth | None = field(None, doc="API key, or OAuth 2.0 client credentials.")
    headers: Mapping[str, str] = field(
        factory=dict, doc="Headers of every request; those with a secret are `httpHeaderName<N>`."
    )
    paginator: Paginator | None = field(None, doc="For endpoints that have none of their own.")
    health_endpoint: str = field(
        "", doc="Endpoint that the health check asks; by default the first that can."
    )
    rate_limit: float = field(0.0, minimum=0, doc="Requests per second at most; 0: any.")
    max_retries: int = field(3, minimum=0, doc="Repetitions after statuses 429 and 503.")
    max_page_bytes: int = field(
        16 * MEBIBYTE, minimum=1, doc="Largest page, or line of JSON lines and CSV, decoded."
    )
    infer_rows: int = field(100, minimum=1, doc="Rows, in whole pages, that columns are inferred from.")
    api_key: Secret | None = secret(pattern=ONE_LINE, doc="Of `auth` type api_key.")
    client_secret: Secret | None = secret(doc="Of `auth` type oauth2_client_credentials.")

    def __attrs_post_init__(self) -> None:
        _check_headers(self.headers)
        if self.health_endpoint and self.health_endpoint not in self.endpoints:
            raise ValidationError("there is no such endpoint", path="jsonData.healthEndpoint")
        for name, endpoint in self.endpoints.items():
            if self.paginator_of(endpoint).counts_rows and not keeps_count(endpoint.data_selector):
                raise ValidationError(
                    "a selector that filters or joins rows hides how many a page has, which this paginator "
                    "goes by: select all rows by a plain path",
                    path=f"jsonData.endpoints.{name}.dataSelector",
                )

    def paginator_of(self, endpoint: Endpoint) -> Paginator:
        return endpoint.paginator or self.paginator or SINGLE_PAGE


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        try:
            check_header(name, value)
        except ValidationError as error:
            raise ValueError(str(error)) from error


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
