"""The data sources of a host, as a plugin that combines them reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.models import DataQuery, Filter, Partitions, PluginInfo

from .chunks import stream_of
from .request import DataSourceRef, MetricQuery

if TYPE_CHECKING:
    from headwater.calls.context import CallContext
    from headwater.datasources import DataSource
    from headwater.frames import FrameStream

    from .service import QueryService

__all__ = ["HostSources"]


class HostSources:
    """A `SourceReader`. `find` and `info` are the host's; without `divides`, its plugins are not asked to
    narrow a query."""

    def __init__(
        self,
        service: QueryService,
        find: Callable[[str], DataSource],
        info: Callable[[str], PluginInfo],
        *,
        divides: bool = True,
    ) -> None:
        self._service = service
        self._find = find
        self._info = info
        self._divides = divides

    def plugin_info(self, data_source: str) -> PluginInfo:
        return self._info(self._find(data_source).type)

    def narrow(
        self,
        data_source: str,
        query: DataQuery,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions:
        if not self._divides:
            return Partitions.whole(query)
        asked = self._asked(data_source, query)
        _, parts = self._service.partitions(asked, 1, columns, filters, context)
        return parts

    def stream(self, data_source: str, query: DataQuery, context: CallContext) -> FrameStream:
        child = context.child()
        chunks = self._service.query_chunked_data([self._asked(data_source, query)], child)
        return stream_of(chunks, child)

    def _asked(self, data_source: str, query: DataQuery) -> MetricQuery:
        found = self._find(data_source)
        return MetricQuery(DataSourceRef(uid=found.uid, type=found.type), query)
