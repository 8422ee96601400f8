"""A query of a data source as an Arrow dataset that DuckDB scans: its rows stream through, batch by batch."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
from attrs import define

from headwater.calls import CallContext
from headwater.errors import HeadwaterError
from headwater.frames import FrameStream, Notice
from headwater.models import DataQuery, Filter
from headwater.plugins import SourceReader
from headwater.queries import filters_of

from .types import readable_schema, unreadable

__all__ = ["Scan", "SourceDataset", "query_text"]


@define
class Scan:
    """What one scan asked of the data source, and what came. `query` is that of the statement, narrowed."""

    query: DataQuery | None = None
    columns: tuple[str, ...] | None = None
    filters: tuple[Filter, ...] = ()
    rows: int = 0
    bytes: int = 0

    def lines(self) -> list[str]:
        """For EXPLAIN ANALYZE."""
        asked = [] if self.query is None else [f"asked: {query_text(self.query)}"]
        return [
            *asked,
            f"pushed down columns: {', '.join(self.columns) if self.columns is not None else 'none'}",
            f"pushed down filters: {', '.join(map(_filter_text, self.filters)) or 'none'}",
            f"fetched: {self.rows:,} rows, {self.bytes:,} bytes",
        ]


class SourceDataset(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """The result of `query`, streamed anew by each scan.

    A plugin with the capability `pushdown` tells the schema before it runs the query, and is asked only for
    the columns and filters of a scan. The query of another one is started at once, since its rows alone tell
    the schema; the first scan takes them. Every scan applies all of its filter to what comes.
    """

    def __init__(
        self, name: str, sources: SourceReader, data_source: str, query: DataQuery, context: CallContext
    ) -> None:
        self.name = name
        self.data_source = data_source
        self.query = query
        self.scans: list[Scan] = []
        #: What the data source failed with. DuckDB reports only its text.
        self.failure: HeadwaterError | None = None
        self._sources = sources
        self._context = context
        self._lock = threading.Lock()  # guards the stream that was opened early
        self._early: FrameStream | None = None
        self._streams: list[FrameStream] = []
        self.narrows: bool = "pushdown" in sources.plugin_info(data_source).capabilities
        self.why_whole = "" if self.narrows else "its plugin pushes nothing down"
        self._whole = query  # as the plugin runs it where nothing is pushed down
        self._arrow = self._find_schema()
        try:
            self._readable = readable_schema(name, self._arrow)
        except BaseException:
            self.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """As DuckDB sees the columns."""
        return self._readable

    def scanner(
        self,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002
        **_: Any,
    ) -> _Reader:
        """DuckDB's question for rows, in one of its threads."""
        wanted = self._readable.names if columns is None else columns
        schema = pa.schema([self._readable.field(name) for name in wanted])
        return _Reader(schema, self._scan(schema, filter))

    @property
    def notices(self) -> list[Notice]:
        """Of what has been read, each once."""
        metas = [stream.meta for stream in self._streams if stream.meta is not None]
        return list(dict.fromkeys(notice for meta in metas for notice in meta.notices))

    def close(self) -> None:
        """End what was started and not read to its end."""
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    def _find_schema(self) -> pa.Schema:
        if self.narrows:
            parts = self._sources.narrow(self.data_source, self.query, None, (), self._context)
            if parts.schema is not None:
                return parts.schema
            self.why_whole = " ".join(parts.notices)
            self._whole = parts.parts[0].query
        self._early = self._stream(self._whole)
        return self._early.schema

    def _scan(self, schema: pa.Schema, expression: pc.Expression | None) -> Iterator[pa.RecordBatch]:
        # A filter may name columns that the answer has not; they are dropped behind it.
        needed = [name for name in self._arrow.names if name in schema.names or _names(expression, name)]
        arrow, readable = _chosen(self._arrow, needed), _chosen(self._readable, needed)
        try:
            with closing(self._batches(needed, filters_of(expression, self._arrow))) as batches:
                for batch in batches:
                    fitting = batch if arrow == readable else batch.cast(readable)
                    if expression is not None:
                        fitting = fitting.filter(expression)
                    yield fitting if needed == schema.names else fitting.select(schema.names)
        except HeadwaterError as error:
            self.failure = error
            raise
        except pa.ArrowException as error:
            self.failure = unreadable(self.name, error)
            raise self.failure from error

    def _batches(self, columns: list[str], filters: Any) -> Generator[pa.RecordBatch, None, None]:
        stream, scan = self._open(columns, tuple(filters))
        self.scans.append(scan)
        with stream:
            for batch in stream:
                scan.rows, scan.bytes = stream.rows, stream.bytes
                yield batch.select(columns).replace_schema_metadata(None)

    def _open(self, columns: list[str], filters: tuple[Filter, ...]) -> tuple[FrameStream, Scan]:
        query, scan = self._whole, Scan()
        if self.narrows and (filters or len(columns) < len(self._arrow)):
            parts = self._sources.narrow(self.data_source, self.query, tuple(columns), filters, self._context)
            query = parts.parts[0].query
            scan = Scan(
                query if query != self._whole else None,
                tuple(columns) if parts.columns_handled else None,
                parts.handled_filters,
            )
        with self._lock:
            early, self._early = self._early, None
        if early is not None and query == self._whole:
            return early, scan
        if early is not None:
            early.close()
        return self._stream(query), scan

    def _stream(self, query: DataQuery) -> FrameStream:
        stream = self._sources.stream(self.data_source, query, self._context)
        with self._lock:
            self._streams.append(stream)
        return stream


class _Reader:
    """What DuckDB takes for a scanner."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.projected_schema = schema
        self._batches = batches

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches)


def _chosen(schema: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def query_text(query: DataQuery) -> str:
    """The keys of a query, for EXPLAIN."""
    return json.dumps(dict(query.json), default=str)


def _filter_text(each: Filter) -> str:
    return f"{each.column} {each.operator}" + ("" if each.value is None else f" {each.value!r}")


def _names(expression: pc.Expression | None, column: str) -> bool:
    """Whether the expression may read the column: its text holds the name."""
    return expression is not None and column in str(expression)
