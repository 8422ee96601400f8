"""`PluginClient`: calls a plugin's hooks, and makes every failure say whose fault it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from .errors import (
    HeadwaterError,
    MethodNotImplementedError,
    PluginHealthCheckError,
    PluginNotRegisteredError,
    PluginRequestFailedError,
    ValidationError,
    describe,
)
from .models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataResponse,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)

if TYPE_CHECKING:
    from .context import CallContext
    from .plugin import Plugin
    from .registry import Registry

__all__ = ["PluginClient"]

R = TypeVar("R")

# RFC 9110 §7.6.1 and what Grafana also keeps to itself.
_HOP_BY_HOP = frozenset(
    {
        "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_NOT_FOR_PLUGINS = _HOP_BY_HOP | {"cookie", "user-agent"}
_NOT_FOR_CALLERS = _HOP_BY_HOP | {"set-cookie"}


class PluginClient:
    """Finds the plugin of a request, calls it, and maps what goes wrong.

    Errors of `headwater.errors` pass unchanged; a cancelled call raises QueryCanceledError or
    DeadlineExceededError; broken connections become DownstreamError; anything else becomes
    PluginRequestFailedError. The original stays as `__cause__`.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        """One outcome per ref id. Frames without a ref id get their query's."""
        plugin = self._plugin(request)
        answer = _guarded(plugin, context, lambda: plugin.query_data(request, context))
        if not isinstance(answer, QueryDataResponse):
            raise _wrong_answer(plugin, "query_data", answer)
        return QueryDataResponse(
            {ref_id: _with_ref_ids(ref_id, response) for ref_id, response in answer.responses.items()}
        )

    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        """The answer piece by piece; close the iterator to end the queries.

        A plugin without the hook is served from `query_data`, one chunk per frame.
        """
        plugin = self._plugin(request)
        if not _guarded(plugin, context, lambda: plugin.implements("query_chunked_data")):
            yield from _as_chunks(self.query_data(request, context))
            return
        chunks = _guarded(plugin, context, lambda: plugin.query_chunked_data(request, context))
        if not isinstance(chunks, Iterable):
            raise _wrong_answer(plugin, "query_chunked_data", chunks)
        yield from _guarded_items(plugin, context, chunks)

    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        """Raises PluginHealthCheckError when the check itself cannot run."""
        plugin = self._plugin(request)
        try:
            answer = _guarded(plugin, context, lambda: plugin.check_health(request, context))
        except PluginRequestFailedError as error:
            raise PluginHealthCheckError(
                f"The health check of plugin {plugin.plugin_id!r} failed; see the host's log for details."
            ) from (error.__cause__ or error)
        if not isinstance(answer, CheckHealthResult):
            raise _wrong_answer(plugin, "check_health", answer)
        return answer

    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        """Responses of which the first has status and headers. Hop-by-hop headers and cookies stay out."""
        plugin = self._plugin(request)
        request = evolve(request, headers=_without(request.headers, _NOT_FOR_PLUGINS))
        answers = _guarded(plugin, context, lambda: plugin.call_resource(request, context))
        if not isinstance(answers, Iterable):
            raise _wrong_answer(plugin, "call_resource", answers)
        count = 0
        for answer in _guarded_items(plugin, context, answers):
            yield evolve(answer, headers=_without(answer.headers, _NOT_FOR_CALLERS)) if count == 0 else answer
            count += 1
        if not count:
            raise PluginRequestFailedError(
                f"Plugin {plugin.plugin_id!r} sent no answer to the resource call."
            )

    def discard_instance(self, context: PluginContext) -> None:
        """Have the plugin replace the data source's instance at its next use."""
        plugin = self._registry.plugin(context.plugin_id)
        if plugin is not None:
            plugin.discard_instance(context)

    def _plugin(self, request: Any) -> Plugin:
        if request is None:
            raise ValidationError("the request is missing", path="request")
        plugin_id = request.plugin_context.plugin_id
        plugin = self._registry.plugin(plugin_id)
        if plugin is None or plugin.is_decommissioned:
            raise PluginNotRegisteredError(
                f"Plugin {plugin_id!r} is not registered; install the distribution that provides it."
            )
        return plugin


def _guarded(plugin: Plugin, context: CallContext, call: Callable[[], R]) -> R:
    try:
        return call()
    except Exception as error:
        raise _mapped(plugin, context, error) from (error.__cause__ or error)


def _guarded_items(plugin: Plugin, context: CallContext, items: Iterable[R]) -> Iterator[R]:
    """Iterate with errors mapped. Closing this generator closes the plugin's."""
    iterator = iter(items)
    try:
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                raise _mapped(plugin, context, error) from (error.__cause__ or error)
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _mapped(plugin: Plugin, context: CallContext, error: Exception) -> HeadwaterError:
    reason = context.cancel_reason
    if isinstance(reason, HeadwaterError):
        return type(reason)(str(reason))
    if isinstance(error, NotImplementedError):
        return MethodNotImplementedError(f"Plugin {plugin.plugin_id!r} does not implement this call.")
    if not isinstance(error, HeadwaterError):
        context.logger.error("A plugin raised an unexpected error.", plugin=plugin.plugin_id, exc_info=error)
    return describe(error)


def _wrong_answer(plugin: Plugin, hook: str, answer: object) -> PluginRequestFailedError:
    return PluginRequestFailedError(
        f"Plugin {plugin.plugin_id!r} answered {hook} with {type(answer).__name__}."
    )


def _with_ref_ids(ref_id: str, response: DataResponse) -> DataResponse:
    if all(frame.ref_id for frame in response.frames):
        return response
    frames = tuple(frame if frame.ref_id else frame.with_(ref_id=ref_id) for frame in response.frames)
    return evolve(response, frames=frames)


def _as_chunks(answer: QueryDataResponse) -> Iterator[QueryChunk]:
    for ref_id, response in answer.responses.items():
        for index, frame in enumerate(response.frames):
            yield QueryChunk(ref_id, str(index), frame)
        if response.error is not None:
            yield QueryChunk(ref_id, error=response.error)


def _without(headers: Mapping[str, tuple[str, ...]], names: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """`headers` less `names` and less what a Connection header lists (RFC 9110 §7.6.1)."""
    listed = {
        name.strip().lower()
        for header, values in headers.items()
        if header.lower() == "connection"
        for value in values
        for name in value.split(",")
    }
    refused = names | listed
    return {header: values for header, values in headers.items() if header.lower() not in refused}
