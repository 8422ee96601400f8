"""The hooks a data-source plugin implements: the contract between host and plugin.

An implementation is a method marked with `hookimpl` on a plain object. It may take fewer arguments than
the specification, never other ones. All hooks are synchronous; see `headwater.calls.context` for
cancellation. Entry points of group `headwater.datasources.v1` name the objects; the `v1` is the version of
this contract: within it hooks, trailing arguments and optional fields are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from headwater.calls.context import CallContext
    from headwater.models import (
        AnswerTraits,
        CallResourceRequest,
        CallResourceResponse,
        CheckHealthRequest,
        CheckHealthResult,
        DataQuery,
        Filter,
        Partitions,
        PluginContext,
        PluginInfo,
        QueryChunk,
        QueryDataRequest,
        QueryDataResponse,
    )

    from .sources import SourceReader

PROJECT = "headwater"
ENTRY_POINT_GROUP = "headwater.datasources.v1"

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


class DataSourceSpec:
    """The hooks of contract v1. Exactly one implementation answers each call."""

    @hookspec(firstresult=True)
    def describe_plugin(self) -> PluginInfo | None:
        """Say what the plugin is: id, name, version, schemas, secret keys, capabilities, examples.

        Called without a data source; does no I/O. Without this hook the host knows only the entry
        point's name and the distribution's version.
        """

    @hookspec(firstresult=True)
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse | None:
        """Run all queries of `request` against one data source, and return an outcome per ref id.

        A failing query becomes a `DataResponse` with an error and never fails its neighbours. Frames
        are collected within `context.limits`. Raise only when no query can run at all.
        """

    @hookspec(firstresult=True)
    def query_chunked_data(
        self, request: QueryDataRequest, context: CallContext
    ) -> Iterator[QueryChunk] | None:
        """Like `query_data`, but yield the rows as they arrive, in bounded memory.

        Closing the iterator ends the queries at the data source. A plugin without this hook is served
        from `query_data`.
        """

    @hookspec(firstresult=True)
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult | None:
        """Try the data source. A source that is down is a result with status ERROR, not an exception.

        Without this hook the host answers OK: the plugin is loaded, nothing more is known.
        """

    @hookspec(firstresult=True)
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse] | None:
        """Answer anything that is not a query: schemas, completions, label values.

        The first response carries status and headers, later ones only append to the body.
        `request.path` comes from outside: match it against declared routes.
        """

    @hookspec(firstresult=True)
    def query_sources(
        self, request: QueryDataRequest, sources: SourceReader, context: CallContext
    ) -> Iterator[QueryChunk] | None:
        """Like `query_chunked_data`, for a plugin that reads other data sources itself: `sources` opens them.

        What it opens ends with `context`, or when the iterator is closed.
        """

    @hookspec(firstresult=True)
    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        """Divide the result of the only query of `request` into parts, about `target` of them.

        Called before any part is read, in a worker thread; may ask the data source for bounds. Each part is a
        query that any host with the same data source answers, maybe more than once. `columns` (None for all)
        and `filters` are what the reader needs: take of them what the source applies exactly, and say so;
        the host and the reader do the rest. Answer None, or implement no hook, for a result that cannot be
        divided.
        """

    @hookspec(firstresult=True)
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits | None:
        """Say what the answer to `query` depends on, so that a host may remember it. Does no I/O.

        Without this hook an answer depends on everything that is known of the caller.
        """

    @hookspec
    def start_plugin(self) -> None:
        """The host has registered the plugin. Do no I/O here: data sources connect on first use."""

    @hookspec
    def stop_plugin(self) -> None:
        """The host is closing: end every instance, connection and thread. May be called twice."""


HOOKS = tuple(name for name in vars(DataSourceSpec) if not name.startswith("_"))
