"""The methods of `Headwater` that run one SELECT over data sources."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Unpack

from headwater.models import QueryDataRequest
from headwater.queries.answers import warn_if_cut
from headwater.queries.chunks import stream_of
from headwater.queries.expressions import expressions_source
from headwater.queries.options import QueryOptions, context_of, data_query_of

from .queries import QueryMethods

if TYPE_CHECKING:
    from headwater.frames import Frame, FrameStream
    from headwater.plugins.client import PluginClient
    from headwater.plugins.plugin_context import PluginContextProvider
    from headwater.plugins.sources import SourceReader


class SqlMethods(QueryMethods):
    """What the plugin of expressions computes from what it asks of other data sources."""

    @abstractmethod
    def _sql_plugin(self) -> tuple[PluginClient, PluginContextProvider]:
        """Who answers, and what gives it its context."""

    @abstractmethod
    def _source_reader(self) -> SourceReader:
        """What asks the data sources."""

    def sql(self, statement: str, **options: Unpack[QueryOptions]) -> Frame:
        """Run one SELECT over data sources and return its frame.

        ```sql
        SELECT o.day, o.total, p.value
        FROM shop('SELECT day, total FROM orders') o JOIN metrics('rate(errors[5m])') p ON p.time = o.day
        ```

        The name of a data source is a table function whose argument is a query in its own language; where a
        plugin knows tables, `shop.orders` is one. `EXPLAIN` shows what the sources are asked for. Needs the
        distribution headwater-expressions. Options, bounds and errors as for `query`.
        """
        timeout = options.get("timeout", self.limits.timeout)
        bounded: QueryOptions = {**options, "timeout": timeout}
        limits = context_of(bounded, self.limits, timeout).limits
        with self.sql_stream(statement, **bounded) as stream:
            frame = stream.collect(limits.max_rows, limits.max_bytes)
        warn_if_cut([frame], options, self.limits)
        return frame

    def sql_stream(self, statement: str, **options: Unpack[QueryOptions]) -> FrameStream:
        """Like `sql`, reading the rows while they arrive, as `stream` does."""
        context = self._query_context(options, None)
        query = data_query_of({"type": "sql", "expression": statement}, options)
        client, contexts = self._sql_plugin()
        plugin_context = contexts.get_with_data_source(expressions_source())
        chunks = client.query_sources(
            QueryDataRequest(plugin_context, (query,)), self._source_reader(), context
        )
        stream = stream_of(self._kept(chunks), context)
        self._streams.add(stream)
        return stream
