"""`Call`: one authenticated request on its way through a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request

from headwater.calls import CallContext, Progress
from headwater.errors import (
    ErrorSource,
    HeadwaterError,
    PluginRequestCanceledError,
    QueryCanceledError,
    ValidationError,
)
from headwater_server.auth import Action, PermissionDeniedError, Principal

from .disconnect import DISCONNECTS, Disconnects

if TYPE_CHECKING:
    from headwater.models import QueryChunk, QueryDataResponse, User
    from headwater.queries import MetricQuery

    from .host import Host
    from .record import RequestRecord

T = TypeVar("T")
_OWN_HEADERS = frozenset(
    {"authorization", "cookie", "host", "content-length", "content-type", "accept-encoding"}
)


def headers_for_plugins(headers: Mapping[str, str]) -> dict[str, str]:
    """A caller's headers, names in lower case, less those between it and this host: a plugin never sees our
    token."""
    return {name: value for name, value in headers.items() if name not in _OWN_HEADERS}


class Querying(Protocol):
    """What runs the queries of a request: a `Headwater`, or what bounds it."""

    def start_query_data(
        self,
        request: Sequence[MetricQuery],
        context: CallContext | None = None,
        *,
        user: User | None = None,
        then: Callable[[QueryDataResponse], T],
    ) -> Future[T]: ...

    def query_chunked_data(
        self, request: Sequence[MetricQuery], context: CallContext, *, user: User | None = None
    ) -> Generator[QueryChunk, None, None]: ...


class BodyError(HeadwaterError):
    message_id = "request.body"
    status = 400
    source = ErrorSource.CALLER


class Call:
    """What a handler gets. What it enters into `stack` lives until the answer is sent."""

    def __init__(
        self, host: Host, request: Request, principal: Principal, record: RequestRecord, stack: ExitStack
    ) -> None:
        self.host = host
        self.request = request
        self.principal = principal
        self.record = record
        self.stack = stack
        self.querying: Querying = host.headwater

    @property
    def path_params(self) -> Mapping[str, str]:
        return self.request.path_params

    @cached_property
    def headers(self) -> dict[str, str]:
        """The caller's headers, names in lower case; of one that repeats, the first."""
        raw: list[tuple[bytes, bytes]] = self.request.scope["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(raw)}

    @property
    def headers_for_plugins(self) -> dict[str, str]:
        return headers_for_plugins(self.headers)

    @property
    def skips_cache(self) -> bool:
        """Whether the caller wants neither data sources nor answers from memory."""
        if self.headers.get("x-grafana-nocache") == "true" or self.headers.get("x-cache-skip") == "true":
            return True
        # Pages send max-age=0 for `cache: "no-cache"`.
        return not {"no-cache", "no-store"}.isdisjoint(self._cache_control) or self.max_age == 0

    @property
    def max_age(self) -> float | None:
        """How many seconds old an answer from memory may be; None for what its rule says."""
        return _seconds(self._cache_control.get("max-age"))

    @cached_property
    def _cache_control(self) -> Mapping[str, str]:
        """The directives of the request (RFC 9111 §5.2.1), and the value of each."""
        parts = [part.partition("=") for part in self.headers.get("cache-control", "").lower().split(",")]
        return {name.strip(): value.strip() for name, _, value in parts}

    def require(self, action: Action, uid: str = "") -> None:
        """Raises PermissionDeniedError unless the caller may do `action` on what has this uid, or on all."""
        if not self.principal.may(action, uid):
            raise PermissionDeniedError(f"Access denied{action.noun or f': needs {action}'}")

    async def body(self) -> bytes:
        """The whole body. Raises BodyError with 408, 413 or 415; PluginRequestCanceledError, which is 499."""
        options = self.host.options
        if self.headers.get("content-encoding", "identity") != "identity":
            raise BodyError("A request body must not be compressed.", status=415)
        declared = self.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > options.max_body_bytes:
            raise _too_large(options.max_body_bytes)
        pieces, size = [], 0
        try:
            async with asyncio.timeout(options.body_timeout):
                more = True
                while more:
                    message = await self.request.receive()
                    if message["type"] == "http.disconnect":
                        raise PluginRequestCanceledError("The client went away.")
                    pieces.append(message.get("body", b""))
                    size += len(pieces[-1])
                    if size > options.max_body_bytes:
                        raise _too_large(options.max_body_bytes)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise BodyError("The request body did not arrive in time.", status=408) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def json(self, type_: type[T]) -> T:
        """The body as a `type_`. Raises BodyError, ValidationError."""
        return decode_json(await self.json_body(), type_)

    async def json_body(self) -> bytes:
        """The body, which says that it is JSON. Raises BodyError."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise BodyError("The request body must be application/json.", status=415)
        return await self.body()

    @contextmanager
    def context(
        self, seconds: float | None, on_progress: Callable[[Progress], object] | None = None
    ) -> Iterator[CallContext]:
        """A context that is cancelled when the client goes away, and when the host shuts down.

        It ends after `seconds`; None for no end. Enter it after the body is read: from then on only the
        disconnect can arrive.
        """
        host, limits = self.host, self.host.headwater.limits
        context = CallContext(
            timeout=seconds,
            request_id=self.record.request_id,
            headers=self.headers_for_plugins,
            limits=limits,
            on_progress=on_progress,
            skip_cache=self.skips_cache,
            max_age=self.max_age,
            max_stale=_seconds(self._cache_control.get("max-stale")) or 0.0,
        )

        def cancel() -> None:
            # In a worker: a callback may block, such as one that opens a connection for KILL QUERY.
            host.workers.submit(context.cancel, "The client went away.")

        host.running.add(context)
        stop_watching = self._watch(cancel)
        try:
            yield context
        except BaseException as error:
            self.record.cancelled = isinstance(error, asyncio.CancelledError) or _was_cancelled(context)
            # Somebody may still work for this context: it must hear of the end before it is forgotten.
            host.workers.submit(context.cancel)
            raise
        else:
            self.record.cancelled = _was_cancelled(context)
            context.close()
        finally:
            host.running.discard(context)
            stop_watching()

    def _watch(self, gone: Callable[[], object]) -> Callable[[], object]:
        """Have `gone` called when the client goes away, until the result is called."""
        disconnects: Disconnects | None = self.request.scope.get(DISCONNECTS)
        if disconnects is None:
            return asyncio.create_task(self._wait_until(gone)).cancel
        disconnects.add(gone)
        return partial(disconnects.discard, gone)

    async def _wait_until(self, gone: Callable[[], object]) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass
        gone()


def _seconds(text: str | None) -> float | None:
    """None for what is no number of seconds; a number beyond any float is the largest."""
    return float(text) if text is not None and text.isascii() and text.isdecimal() else None


# Reading what a type says takes longer than reading a small body.
_decoder: Callable[[Any], msgspec.json.Decoder[Any]] = cache(msgspec.json.Decoder)


def decode_json(body: bytes, type_: type[T]) -> T:
    """`body` as a `type_`. Raises BodyError, ValidationError."""
    try:
        decoded: T = _decoder(type_).decode(body)
        return decoded
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise ValidationError(message, path=place.strip("`.")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyError(f"bad request data: {error}") from None


def _was_cancelled(context: CallContext) -> bool:
    """Whether the client left or the host shut down, rather than time ran out."""
    return isinstance(context.cancel_reason, QueryCanceledError)


def _too_large(limit: int) -> BodyError:
    return BodyError(f"The request body is larger than {limit} bytes.", status=413)
