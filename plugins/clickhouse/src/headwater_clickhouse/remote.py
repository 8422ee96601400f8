"""A ClickHouse server, over HTTP."""

from __future__ import annotations

import base64
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import attrs
import pyarrow as pa

from headwater.calls import CallContext
from headwater.errors import (
    DownstreamAuthError,
    DownstreamProtocolError,
    DownstreamServerError,
    HeadwaterError,
    QueryError,
    ValidationError,
)
from headwater.sdk import DataSourceInstanceSettings, PrefetchQueue
from headwater.sdk.http import HttpClient, HttpClientSettings, utf8_header

from . import __version__
from .arrow_body import ArrowBody, read_batches, truncated
from .cancellation import QueryCanceller
from .dialect import quote_text
from .engine import TYPED_FORMAT, Statement, only_row, read_rows, read_types
from .errors import ClickHouseError, refused_by_arrow, server_error
from .health import is_too_old, too_old
from .negotiation import NegotiatedSettings
from .settings import ClickHouseSettings, server_url

if TYPE_CHECKING:
    from headwater.sdk import Secret
    from headwater.sdk.http import HttpResponse

_UNKNOWN_FORMAT = 73
_IPC_MARK = b"\xff\xff\xff\xff"
_KILL_SECONDS = 2.0
_PROGRESS = "x-clickhouse-progress"
#: How large a field of a form may be, unless the server says otherwise.
_FIELD_BYTES = 128 * 1024
_FIELD_LIMIT = "http_max_field_value_size"
#: How much a small result may be, such as the names and types of columns.
_ANSWER_BYTES = 64 << 20
#: A small result is not worth a thread.
_BATCHES_IN_TURN = 2
_BATCHES_AHEAD = 2
#: Headers of the caller that are about the connection, or about who the caller is.
_NOT_FORWARDED = frozenset(
    {
        "authorization", "cookie", "x-id-token", "host", "connection", "keep-alive", "transfer-encoding",
        "te", "trailer", "upgrade", "proxy-authorization", "content-length", "content-type", "accept",
        "accept-encoding", "user-agent", "expect",
    }
)  # fmt: skip


def make_remote_engine(settings: ClickHouseSettings, instance: DataSourceInstanceSettings) -> RemoteEngine:
    """The engine for a data source with an http(s) URL. Raises ValidationError."""
    instance = attrs.evolve(instance, url=server_url(instance, settings))
    http = HttpClientSettings.from_instance(instance)
    http = attrs.evolve(http, headers=(*http.headers, *_configured_headers(settings)))
    if settings.oauth_pass_thru and (http.parsed.scheme != "https" or settings.tls_skip_verify):
        raise ValidationError(
            "forwarding the caller's token needs https with verification", path="jsonData.oauthPassThru"
        )
    return RemoteEngine(settings, instance, http)


class RemoteEngine:
    kind = "server"

    def __init__(
        self, settings: ClickHouseSettings, instance: DataSourceInstanceSettings, http: HttpClientSettings
    ) -> None:
        self._settings = settings
        self._database = instance.database or settings.default_database
        self._user = instance.user or settings.username
        self._basic_auth_taken = instance.basic_auth_enabled or settings.bearer_token is not None
        self._client = HttpClient(http, user_agent=f"headwater-clickhouse/{__version__}")
        custom = {item.setting: item.value for item in settings.custom_settings}
        self.negotiated = NegotiatedSettings(_our_settings(settings, http.is_loopback), custom)
        self._canceller = QueryCanceller(self._cancel_query)
        self.kill = self._canceller.kill

    def run(self, statement: Statement, context: CallContext) -> RemoteResult:
        with context.on_cancel(lambda: self.kill(statement.query_id)):
            response = self._send(statement, context, "ArrowStream")
            try:
                return RemoteResult(self, response, statement)
            except BaseException:
                response.close()
                raise

    def rows(self, statement: Statement, context: CallContext) -> list[dict[str, Any]]:
        with (
            context.on_cancel(lambda: self.kill(statement.query_id)),
            self._send(statement, context, "JSONEachRow") as response,
        ):
            body = response.read(_ANSWER_BYTES)
        try:
            return read_rows(body)
        except DownstreamProtocolError as error:
            raise _not_clickhouse(self._client.settings.origin) from error

    def column_types(self, statement: Statement, context: CallContext) -> list[str]:
        with (
            context.on_cancel(lambda: self.kill(statement.query_id)),
            self._send(statement, context, TYPED_FORMAT) as response,
        ):
            head = bytearray()
            for chunk in response.stream_chunks(limit=_ANSWER_BYTES):
                head += chunk
                if head.count(b"\n") >= 2:
                    break
        return read_types(bytes(head))

    def health_details(self) -> dict[str, str]:
        details = {}
        if self.negotiated.none_allowed:
            details["settings"] = "The user may set nothing (readonly=1): the server's defaults apply."
        if self._settings.tls_skip_verify:
            details["tls"] = "The server's certificate is not verified (tlsSkipVerify)."
        return details

    def close(self) -> None:
        self._canceller.join()
        self._client.close()

    def _cancel_query(self, query_id: str) -> bool:
        sql = f"KILL QUERY WHERE query_id = {quote_text(query_id)} ASYNC"
        with (
            CallContext(timeout=_KILL_SECONDS) as context,
            self._client.request(
                "POST", body=sql.encode(), headers=self._auth(None), context=context, idempotent=True
            ) as response,
        ):
            return bool(response.read(limit=_ANSWER_BYTES)) or response.status >= 300

    def _send(self, statement: Statement, context: CallContext, output_format: str) -> HttpResponse:
        """The successful answer, its body not read. Raises typed errors for all others."""
        self._check_lengths(statement, context)
        while True:
            settings = self.negotiated.with_extra(self._extra_settings(context))
            response = self._post(statement, settings, context, output_format)
            try:
                self._raise_for_failure(response)
            except HeadwaterError as error:
                response.close()
                if isinstance(error, ClickHouseError) and error.code == _UNKNOWN_FORMAT:
                    raise self._explain_old_server(context, error) from error
                if not self.negotiated.give_way(error, settings):
                    raise
            else:
                return response

    def _post(
        self, statement: Statement, settings: Mapping[str, str], context: CallContext, output_format: str
    ) -> HttpResponse:
        standing = {"default_format": output_format, **settings}
        if self._database:
            standing["database"] = self._database
        params = f"{_encoded(tuple(standing.items()))}&query_id={quote(statement.query_id)}"
        parameters = {f"param_{name}": value for name, value in statement.parameters.items()}
        body = statement.sql.encode()
        in_form = bool(parameters) and len(body) <= _FIELD_BYTES
        if parameters and not in_form:
            params += f"&{urlencode(parameters)}"
        return self._client.request(
            "POST",
            params=params,
            body=None if in_form else body,
            parts={"query": statement.sql, **parameters} if in_form else None,
            headers={**self._forwarded(context), **self._auth(context)},
            context=context,
            idempotent=not self._settings.allow_writes,
            timeout=max(self._settings.query_timeout, self._settings.timeout),
            on_header=lambda name, value: _report_progress(name, value, context),
        )

    def _check_lengths(self, statement: Statement, context: CallContext) -> None:
        """Refuse a parameter that the server would: past the usual limit, it is asked for the real one."""
        sizes = {name: len(value.encode()) for name, value in statement.parameters.items()}
        name, size = max(sizes.items(), key=lambda item: item[1], default=("", 0))
        if size <= _FIELD_BYTES:
            return
        question = Statement(f"SELECT toString(getSetting('{_FIELD_LIMIT}')) AS bytes")
        try:
            (limit,) = map(int, only_row(self.rows(question, context), "bytes"))
        except (QueryError, ValueError):
            return  # a server without such a setting
        if size > limit:
            raise ValidationError(
                f"has {size:,} bytes; the server takes at most {limit:,} in one value (its setting "
                f"{_FIELD_LIMIT}, in the default profile). Split it, or read it from a table",
                path=f"params.{name}",
            )

    def _extra_settings(self, context: CallContext) -> dict[str, str]:
        """Settings that depend on the call: the server gives up when nobody waits any more."""
        left = context.remaining()
        return {} if left is None else {"max_execution_time": str(max(1, math.ceil(left)))}

    def _auth(self, context: CallContext | None) -> dict[str, str]:
        """Who asks: the caller's token, or the configured user.

        Where HTTP's own authentication is taken by a proxy or a token, the user goes into ClickHouse's
        headers.
        """
        if self._settings.oauth_pass_thru and context is not None:
            if any(name.lower() == "authorization" for name in context.headers):
                return {}
            if not self._settings.oauth_pass_thru_allow_fallback:
                raise DownstreamAuthError(
                    "The query carries no identity to forward, and no fallback is allowed."
                )
        password = self._settings.password.reveal() if self._settings.password is not None else ""
        if not self._user and not password:
            return {}
        user = self._user or "default"
        if self._basic_auth_taken:
            return {"X-ClickHouse-User": utf8_header(user), "X-ClickHouse-Key": utf8_header(password)}
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def _forwarded(self, context: CallContext) -> dict[str, str]:
        if not self._settings.forward_grafana_headers:
            return {}
        return {
            name: value
            for name, value in context.headers.items()
            if name.lower() not in _NOT_FORWARDED and not name.lower().startswith("x-clickhouse-")
        }

    def _raise_for_failure(self, response: HttpResponse) -> None:
        is_exception = "X-ClickHouse-Exception-Code" in response.headers
        if 200 <= response.status < 300 and not is_exception:
            return
        text = response.error_body().decode("utf-8", "replace")
        if is_exception or text.startswith("Code: ") or "DB::Exception" in text:
            raise server_error(text)
        response.raise_for_status()

    def _explain_old_server(self, context: CallContext, error: HeadwaterError) -> HeadwaterError:
        try:
            (version,) = only_row(self.rows(Statement("SELECT version() AS version"), context), "version")
        except (HeadwaterError, ValueError):
            return error
        if not is_too_old(version):
            return error
        return DownstreamServerError(too_old(version), code=_UNKNOWN_FORMAT, name="UNKNOWN_FORMAT")


class RemoteResult:
    """A streaming answer."""

    def __init__(self, engine: RemoteEngine, response: HttpResponse, statement: Statement) -> None:
        self._engine = engine
        self._response = response
        self._query_id = statement.query_id
        self._finished = False
        self._body = ArrowBody(response)
        self.time_zone = response.headers.get("X-ClickHouse-Timezone", "UTC")
        self._reader = self._open()
        self.schema: pa.Schema = pa.schema([]) if self._reader is None else self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._reader is not None:
            batches = read_batches(self._reader, self._body)
            yield from itertools.islice(batches, _BATCHES_IN_TURN)
            if not self._body.ended:
                # While the consumer works on one batch, the next ones are read.
                interrupt = self._response.interrupt
                with PrefetchQueue(
                    [batches], ahead=_BATCHES_AHEAD, interrupt=interrupt, name="clickhouse-read"
                ) as ahead:
                    yield from ahead
        self._finished = True

    def cancel(self) -> None:
        if not self._finished:
            self._engine.kill(self._query_id, has_begun=True)

    def close(self) -> None:
        self.cancel()
        self._finished = True
        self._response.close()

    def _open(self) -> pa.RecordBatchStreamReader | None:
        """None for statements without a result."""
        answered = self._response.headers.get("X-ClickHouse-Format", "")
        if answered not in ("", "ArrowStream"):
            raise QueryError("Leave FORMAT out of the query: results are returned as Arrow.")
        if not self._body.starts_with(_IPC_MARK):
            problem = self._body.problem()
            if problem is not None:
                raise problem
            if self._body.empty and not answered and "X-ClickHouse-Summary" in self._response.headers:
                return None
            if answered:
                raise truncated()
            raise _not_clickhouse(self._engine._client.settings.origin)
        try:
            return pa.ipc.open_stream(self._body.whole() or self._body)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise (self._body.problem() or refused_by_arrow(error) or truncated()) from error


def _our_settings(settings: ClickHouseSettings, is_loopback: bool) -> dict[str, str]:
    """What makes answers better; none of it is needed."""
    compression = {"auto": "none" if is_loopback else "lz4_frame", "lz4": "lz4_frame"}.get(
        settings.arrow_compression, settings.arrow_compression
    )
    ours = {
        "output_format_arrow_compression_method": compression,
        "output_format_arrow_low_cardinality_as_dictionary": "1",
        "output_format_arrow_use_native_writer": "1",
        "cancel_http_readonly_queries_on_client_close": "1",
        "send_progress_in_http_headers": "1",
    }
    if settings.enable_row_limit:
        ours["limit"] = str(settings.row_limit + 1)
    if not settings.allow_writes:
        ours["readonly"] = "2"
    return ours


@lru_cache(maxsize=64)
def _encoded(params: tuple[tuple[str, str], ...]) -> str:
    """As in a URL; the settings of queries are the same over and over."""
    return urlencode(params)


def _configured_headers(settings: ClickHouseSettings) -> list[tuple[str, Secret | str]]:
    headers: list[tuple[str, Secret | str]] = []
    for header in settings.http_headers:
        value: Secret | str = header.value
        if header.secure:
            secret = settings.secure_http_headers.get(header.name)
            if secret is None:
                raise ValidationError("has no value", path=f"secureJsonData.secureHttpHeaders.{header.name}")
            value = secret
        headers.append((header.name, value))
    return headers


def _report_progress(name: str, value: str, context: CallContext) -> bool:
    """Take progress lines out of the head: a minute's query sends hundreds, more than clients accept."""
    if len(name) != len(_PROGRESS) or name.lower() != _PROGRESS:
        return False
    try:
        progress = json.loads(value)
        context.report_progress(
            rows=int(progress["read_rows"]),
            bytes=int(progress["read_bytes"]),
            total_rows=int(progress.get("total_rows_to_read", 0)),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass  # a line that is no progress is none of the answer's, either
    return True


def _not_clickhouse(origin: str) -> DownstreamProtocolError:
    return DownstreamProtocolError(f"{origin} does not answer like a ClickHouse server. Is the URL right?")
