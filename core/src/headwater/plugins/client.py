"""`PluginClient`: calls a plugin's hooks, and makes every failure say whose fault it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from attrs import evolve

from headwater.errors import (
    MethodNotImplementedError,
    PluginHealthCheckError,
    PluginNotRegisteredError,
    PluginRequestFailedError,
    ValidationError,
    describe,
)
from headwater.models import (
    AnswerTraits,
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    Filter,
    Partitions,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)

if TYPE_CHECKING:
    from headwater.calls.context import CallContext

    from .plugin import Plugin
    from .sources import SourceReader

from .plugin import CorePlugin
from .registry import Registry, not_registered

__all__ = ["PluginClient"]

R = TypeVar("R")
_OK = 200
_END: Final = object()

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
        """One outcome per ref id. Frames without a ref id get their query's; errors, status and source."""
        plugin = self._plugin(request)
        answer = _guarded(plugin, context, plugin.query_data, request, context)
        if not isinstance(answer, QueryDataResponse):
            raise _wrong_answer(plugin, "query_data", answer)
        return QueryDataResponse(
            {ref_id: _outcome(plugin, ref_id, response) for ref_id, response in answer.responses.items()}
        )

    def query_chunked_data(
        self, request: QueryDataRequest, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        """The answer piece by piece; close the generator to end the queries.

        A plugin without the hook is served from `query_data`, one chunk per frame.
        """
        plugin = self._plugin(request)
        if not _guarded(plugin, context, plugin.implements, "query_chunked_data"):
            yield from as_chunks(self.query_data(request, context))
            return
        chunks = _guarded(plugin, context, plugin.query_chunked_data, request, context)
        for chunk in _guarded_items(plugin, context, "query_chunked_data", chunks, QueryChunk):
            yield _complete(chunk)

    def query_sources(
        self, request: QueryDataRequest, sources: SourceReader, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        """As `query_chunked_data`, of a plugin that reads other data sources through `sources`.

        Raises MethodNotImplementedError for one that does not.
        """
        plugin = self._plugin(request)
        if not isinstance(plugin, CorePlugin):
            raise MethodNotImplementedError(f"Plugin {plugin.plugin_id!r} does not implement query_sources.")
        chunks = _guarded(plugin, context, plugin.query_sources, request, sources, context)
        for chunk in _guarded_items(plugin, context, "query_sources", chunks, QueryChunk):
            yield _complete(chunk)

    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        """Raises PluginHealthCheckError when the check itself cannot run."""
        plugin = self._plugin(request)
        try:
            answer = _guarded(plugin, context, plugin.check_health, request, context)
        except PluginRequestFailedError as error:
            raise PluginHealthCheckError(
                f"The health check of plugin {plugin.plugin_id!r} failed; see the host's log for details."
            ) from (error.__cause__ or error)
        if not isinstance(answer, CheckHealthResult):
            raise _wrong_answer(plugin, "check_health", answer)
        return answer

    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Generator[CallResourceResponse, None, None]:
        """Responses of which the first has status and headers. Hop-by-hop headers and cookies stay out."""
        plugin = self._plugin(request)
        request = evolve(request, headers=_without(request.headers, _NOT_FOR_PLUGINS))
        answers = _guarded(plugin, context, plugin.call_resource, request, context)
        empty = True
        for answer in _guarded_items(plugin, context, "call_resource", answers, CallResourceResponse):
            yield evolve(answer, headers=_without(answer.headers, _NOT_FOR_CALLERS)) if empty else answer
            empty = False
        if empty:
            raise PluginRequestFailedError(
                f"Plugin {plugin.plugin_id!r} sent no answer to the resource call."
            )

    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions:
        """The parts of the request's only query: one, if the plugin does not divide it."""
        plugin = self._plugin(request)
        answer = _guarded(plugin, context, plugin.partitions, request, target, columns, filters, context)
        if answer is None:
            return Partitions.whole(request.queries[0])
        return _divided(plugin, answer)

    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        """What the answer to `query` depends on. One that its plugin cannot describe is not to be kept."""
        plugin = self._registry.plugin(plugin_context.plugin_id)
        if plugin is not None and "inputs" in plugin.info.capabilities:
            return AnswerTraits(kept=False)  # it depends on the answers to other queries
        describe = getattr(plugin, "describe_answer", None)  # a plugin of the host's own may lack it
        if describe is None:
            return AnswerTraits()
        try:
            traits: AnswerTraits | None = describe(query, plugin_context)
        except Exception:  # the query itself will tell
            return AnswerTraits(kept=False)
        return AnswerTraits() if traits is None else traits

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
        if plugin is None:
            raise not_registered(plugin_id)
        if plugin.is_decommissioned:
            raise PluginNotRegisteredError(f"Plugin {plugin_id!r} has been stopped and takes no more calls.")
        return plugin


def _guarded(plugin: Plugin, context: CallContext, call: Callable[..., R], *args: Any) -> R:
    try:
        return call(*args)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # SystemExit, and panics of compiled drivers, are no Exception
        _raise(plugin, context, error)


def _guarded_items(
    plugin: Plugin, context: CallContext, hook: str, items: object, kind: type[R]
) -> Generator[R, None, None]:
    """The items of a hook's answer, with errors mapped. Closing this generator closes the plugin's."""
    if not isinstance(items, Iterable):
        raise _wrong_answer(plugin, hook, items)
    iterator = iter(items)
    try:
        while True:
            item = _guarded(plugin, context, next, iterator, _END)
            if item is _END:
                return
            if not isinstance(item, kind):
                raise _wrong_answer(plugin, hook, item)
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _raise(plugin: Plugin, context: CallContext, error: BaseException) -> NoReturn:
    if isinstance(error, NotImplementedError) and not context.cancelled:
        raise MethodNotImplementedError(
            f"Plugin {plugin.plugin_id!r} does not implement this call."
        ) from error
    mapped = context.explain(error)
    if mapped is error:
        raise mapped
    raise mapped from error


def _wrong_answer(plugin: Plugin, hook: str, answer: object) -> PluginRequestFailedError:
    return PluginRequestFailedError(
        f"Plugin {plugin.plugin_id!r} answered {hook} with {type(answer).__name__}."
    )


def _divided(plugin: Plugin, answer: object) -> Partitions:
    if not isinstance(answer, Partitions) or not answer.parts:
        raise _wrong_answer(plugin, "partitions", answer)
    return answer


def _outcome(plugin: Plugin, ref_id: str, response: object) -> DataResponse:
    """`response` with all that a plugin may leave out; a failure if it is no response at all."""
    if not isinstance(response, DataResponse):
        return DataResponse.from_error(_wrong_answer(plugin, "query_data", response))
    frames = tuple(response.frames)
    for frame in frames:
        if not hasattr(frame, "ref_id"):
            return DataResponse.from_error(_wrong_answer(plugin, "query_data", frame))
    if not all(frame.ref_id for frame in frames):
        frames = tuple(frame if frame.ref_id else frame.with_ref_id(ref_id) for frame in frames)
    if response.error is None:
        return response if frames == response.frames else evolve(response, frames=frames)
    error = describe(response.error)
    status = error.status if response.status == _OK else response.status
    return DataResponse(frames, error, status, response.error_source or error.source)


def _complete(chunk: QueryChunk) -> QueryChunk:
    frame = chunk.frame
    if frame is not None and not frame.ref_id:
        chunk = evolve(chunk, frame=frame.with_ref_id(chunk.ref_id))
    return chunk if chunk.error is None else evolve(chunk, error=describe(chunk.error))


def as_chunks(answer: QueryDataResponse) -> Iterator[QueryChunk]:
    """A collected answer as a streamed one."""
    for ref_id, response in answer.responses.items():
        for index, frame in enumerate(response.frames):
            yield QueryChunk(ref_id, str(index), frame, cache=response.cache)
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
