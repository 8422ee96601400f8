"""The methods of `Headwater` that run named queries."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from attrs import evolve

from headwater.queries.answers import frames_of, only_frame, warn_if_cut
from headwater.queries.chunks import stream_of
from headwater.queries.named.limits import limited
from headwater.queries.named.running import options_and_values, within_limits

from .queries import QueryMethods

if TYPE_CHECKING:
    from headwater.frames import Frame, FrameStream
    from headwater.models import QueryChunk
    from headwater.queries.named.running import NamedQueryRunner
    from headwater.queries.named.service import NamedQueries


class NamedQueryMethods(QueryMethods):
    """What asks for a query by its name, with values for its parameters."""

    named_queries: NamedQueries
    named_query_runner: NamedQueryRunner

    def run(self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any) -> Frame:
        """Run a named query and return its frame.

        Keywords are the values of its parameters, as in `run("revenue", day="2026-01-31")`, or options of
        `query`; `values` holds others, whatever their names are. Limits of the named query bound those of
        the options.

        Raises NamedQueryNotFoundError; ValidationError with the path of a value that is missing or wrong;
        and as `query` does.
        """
        options, _ = options_and_values(values, keywords)
        frames = self._collect_run(named_query, values, keywords)
        warn_if_cut(frames, options, self.limits)
        return only_frame(frames)

    def run_frames(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> list[Frame]:
        """Like `run`, for answers of any number of frames."""
        options, _ = options_and_values(values, keywords)
        frames = self._collect_run(named_query, values, keywords)
        warn_if_cut(frames, options, self.limits)
        return frames

    def run_stream(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> FrameStream:
        """Like `run`, reading the rows while they arrive; see `stream`. The named query's limits hold."""
        named = self.named_queries.find(named_query)
        options, given = options_and_values(values, keywords)
        context = self._query_context(within_limits(named, options, evolve(self.limits, timeout=None)), None)
        prepared = self.named_query_runner.prepare(named, given, options, context)
        chunks = self.query_service.query_chunked_data([prepared.query], context)
        stream = stream_of(self._kept(limited(chunks, named.limits)), context)
        self._streams.add(stream)
        return stream

    def run_chunks(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> Generator[QueryChunk, None, None]:
        """Like `run_stream`, for answers of any number of frames; see `query_chunks`."""
        named = self.named_queries.find(named_query)
        options, given = options_and_values(values, keywords)
        bounded = within_limits(named, options, evolve(self.limits, timeout=None))
        with self._query_context(bounded, None) as context:
            prepared = self.named_query_runner.prepare(named, given, options, context)
            yield from limited(self.query_service.query_chunked_data([prepared.query], context), named.limits)

    def start_run_frames(
        self, named_query: str, values: Mapping[str, Any] | None = None, /, **keywords: Any
    ) -> Future[list[Frame]]:
        """Like `run_frames`, for an event loop; see `start_query_data`. Warns of nothing."""
        named = self.named_queries.find(named_query)
        options, given = options_and_values(values, keywords)
        context = self._query_context(within_limits(named, options, self.limits), self.limits.timeout)
        prepare = self.named_query_runner.prepare
        return self._start(lambda: [prepare(named, given, options, context).query], context, None, frames_of)

    def _collect_run(
        self, named_query: str, values: Mapping[str, Any] | None, keywords: Mapping[str, Any]
    ) -> list[Frame]:
        named = self.named_queries.find(named_query)
        options, given = options_and_values(values, keywords)
        with self._query_context(within_limits(named, options, self.limits), self.limits.timeout) as context:
            prepared = self.named_query_runner.prepare(named, given, options, context)
            return frames_of(self.query_service.query_data([prepared.query], context))
