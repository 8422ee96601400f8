"""The HTTP query API: which request goes where, and what its failures mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from headwater.calls import CallContext
from headwater.errors import (
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    HeadwaterError,
    QueryError,
    TextPosition,
)
from headwater.sdk import at_byte
from headwater.sdk.http import HttpClient, HttpResponse, excerpt

from .answer import MAX_WHOLE_BYTES, AnswerReader
from .document import DECODE_ERRORS, ServerReportError, decode_answer
from .settings import PrometheusSettings

Params = list[tuple[str, str]]
_PLACE = re.compile(r"(\d+):(\d+): parse error")


class PrometheusApi:
    """Requests to one server. Every request is a read, so all of them may be sent twice."""

    def __init__(self, client: HttpClient, settings: PrometheusSettings) -> None:
        self._client = client
        self._settings = settings
        self._custom = parse_qsl(settings.custom_query_parameters, keep_blank_values=True)

    @contextmanager
    def range_query(
        self, expr: str, *, start: int, end: int, step: int, context: CallContext
    ) -> Iterator[AnswerReader]:
        """Read a matrix. Times and step are milliseconds; the reader raises the server's errors."""
        params = [
            ("query", expr),
            ("start", seconds(start)),
            ("end", seconds(end)),
            ("step", seconds(step)),
            *self._query_params(),
        ]
        with self._reading("api/v1/query_range", params, context) as reader:
            yield reader

    @contextmanager
    def instant_query(self, expr: str, *, time: int, context: CallContext) -> Iterator[AnswerReader]:
        """Read a vector, scalar or string, or the matrix of a range selector."""
        params = [("query", expr), ("time", seconds(time)), *self._query_params()]
        with self._reading("api/v1/query", params, context) as reader:
            yield reader

    def document(
        self, path: str, params: Params, context: CallContext, *, method: str | None = None
    ) -> bytes:
        """The body of any other endpoint. Raises the server's error."""
        with self.send(path, params, context, method=method) as response:
            _raise_for_failure(response)
            return response.read(limit=MAX_WHOLE_BYTES)

    def send(
        self, path: str, params: Params, context: CallContext, *, method: str | None = None
    ) -> HttpResponse:
        """The raw answer; `method` defaults to the configured one. A 405 for POST is tried again as GET."""
        method = method or self._settings.http_method
        everything = [*params, *self._custom]
        if method == "POST":
            response = self._client.request("POST", path, form=everything, context=context, idempotent=True)
            if response.status != 405:
                return response
            response.close()
        return self._client.request("GET", path, params=everything, context=context)

    @contextmanager
    def _reading(self, path: str, params: Params, context: CallContext) -> Iterator[AnswerReader]:
        with self.send(path, params, context) as response:
            _raise_for_failure(response)
            reader = AnswerReader(response.stream_chunks())
            with _reports_as_errors(response.status):
                yield reader

    def _query_params(self) -> Params:
        settings = self._settings
        params: Params = []
        if settings.query_timeout:
            params.append(("timeout", settings.query_timeout))
        if settings.query_stats_enabled:
            params.append(("stats", "all"))
        for name, threshold in (
            ("max_samples_processed_warning_threshold", settings.max_samples_processed_warning_threshold),
            ("max_samples_processed_error_threshold", settings.max_samples_processed_error_threshold),
        ):
            if threshold:
                params.append((name, str(threshold)))
        return params


def seconds(milliseconds: int) -> str:
    """Seconds with three decimals at most, exact for any time."""
    whole, rest = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{whole}.{rest:03d}" if rest else f"{sign}{whole}"


def error_of(report: ServerReportError, status: int) -> HeadwaterError:
    """The typed error for `{"status": "error", "errorType": …, "error": …}`.

    The text is the server's: for PromQL it names the position of the fault.
    """
    kind, text = report.error_type, excerpt(f"{report.error_type}: {report.error}")
    # VictoriaMetrics reports a syntax error with status 422 and "parse" in its text.
    if kind == "bad_data" or status == 400 or (kind == "422" and "parse" in report.error):
        return QueryError(text)
    if kind == "timeout":
        return DownstreamTimeoutError(text)
    return DownstreamServerError(
        text,
        code=status,
        name=kind,
        status=status if status >= 400 else 500,
        retryable=kind in {"unavailable", "canceled"} or status == 503,
    )


def locate(error: HeadwaterError, sent: str) -> TextPosition | None:
    """Where in the expression the server's parser stopped: it tells the line, and the byte in it."""
    found = _PLACE.search(str(error))
    if found is None:
        return None
    line, byte = int(found[1]), int(found[2])
    before = sum(len(each.encode()) + 1 for each in sent.split("\n")[: line - 1])
    return at_byte(sent, before + byte - 1)


def read_document(body: bytes, data_type: type[Any]) -> Any:
    """The `data` of a document as `data_type`, empty for null.

    Raises DownstreamProtocolError, or the error that the document reports.
    """
    try:
        parsed = msgspec.json.decode(body, type=_Envelope)
        if parsed.status == "error":
            raise error_of(ServerReportError(parsed.error_type, parsed.error), 200)
        return msgspec.json.decode(parsed.data, type=data_type | None) or data_type()
    except msgspec.ValidationError as error:
        raise DownstreamProtocolError(f"The answer has an unexpected form: {error}.") from error
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError("The answer is not JSON; is the data source's URL right?") from error


class _Envelope(msgspec.Struct, rename="camel"):
    status: str = ""
    error_type: str = ""
    error: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


def _raise_for_failure(response: HttpResponse) -> None:
    """Raise the error that the document of a failure reports, or else what its status and body say."""
    if response.status >= 400 and response.status not in {401, 403}:
        with suppress(DownstreamProtocolError), _reports_as_errors(response.status):
            decode_answer(response.error_body())
    response.raise_for_status()


@contextmanager
def _reports_as_errors(status: int) -> Iterator[None]:
    try:
        yield
    except ServerReportError as report:
        raise error_of(report, status) from report
