"""`SourceReader`: the data sources of a host, for a plugin that combines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from headwater.calls.context import CallContext
    from headwater.frames import FrameStream
    from headwater.models import DataQuery, Filter, Partitions, PluginInfo

__all__ = ["SourceReader"]


class SourceReader(Protocol):
    """What a host gives to `query_sources`. Data sources are named by uid or name."""

    def plugin_info(self, data_source: str) -> PluginInfo:
        """Of the plugin of a data source. Raises DataSourceNotFoundError, PluginNotRegisteredError."""

    def narrow(
        self,
        data_source: str,
        query: DataQuery,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions:
        """One part, the whole of `query`: which of `columns` (None for all) and `filters` its plugin applies.

        The part's query is the one to stream then.
        """

    def stream(self, data_source: str, query: DataQuery, context: CallContext) -> FrameStream:
        """The rows of `query`, in bounded memory. Returns once the schema is known; raises the query's error.

        Ends with `context`, or when it is closed.
        """
