"""One SELECT over data sources: each that it names is asked for its rows, which stream into DuckDB."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import evolve

from headwater.calls import CallContext
from headwater.errors import DataSourceNotFoundError, HeadwaterError, LimitExceededError
from headwater.frames import Frame, FrameStream, stream_chunks
from headwater.models import DataQuery, PluginInfo, QueryChunk
from headwater.plugins import SourceReader
from headwater_expressions.errors import sql_failed

from .engine import Engine, EngineLimits
from .source import SourceDataset, query_text
from .statement import Statement, TableRef

__all__ = ["select"]

_MEMORY_BYTES = 1024 * 1024 * 1024
_BARE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:]*")


def select(
    query: DataQuery, sources: SourceReader, context: CallContext
) -> Generator[QueryChunk, None, None]:
    """The answer to the statement of `query`, piece by piece. Closing it ends the queries of the sources."""
    with ExitStack() as stack:
        call = stack.enter_context(context.child())
        stack.callback(call.cancel, "The statement has ended.")
        spill = stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-sql-"))
        limits = EngineLimits(memory_bytes=_MEMORY_BYTES, spill_directory=Path(spill))
        engine = stack.enter_context(Engine(limits))
        statement = engine.parse(str(query.json.get("expression", "")))
        tables = _tables(statement, query, sources, call, stack)
        parameters = query.json.get("params")
        if statement.explain:
            rows = _explained(engine, statement, tables, parameters, call)
            yield QueryChunk(query.ref_id, frame=Frame.from_pydict({"explain": rows}, ref_id=query.ref_id))
            return
        yield from stream_chunks(_rows(engine, statement, tables, parameters, call), query.ref_id)


def _tables(
    statement: Statement, query: DataQuery, sources: SourceReader, context: CallContext, stack: ExitStack
) -> dict[int, SourceDataset]:
    """What the statement reads, by its place there."""
    named = [_data_source(table, sources) for table in statement.tables]
    _check_count(named, context)
    most = context.limits.max_concurrent_queries
    tables = {}
    for index, (name, call) in enumerate(zip(named, context.children(len(named)), strict=True)):
        table = statement.tables[index]
        asked = _source_query(table, query, sources.plugin_info(name))
        # A statement that has some of its queries open is let in before those with fewer, or such statements
        # would wait for each other.
        own = stack.enter_context(call.with_limits(max_concurrent_queries=most + index))
        tables[index] = SourceDataset(table.name, sources, name, asked, own)
        stack.callback(tables[index].close)
    return tables


def _check_count(data_sources: Sequence[str], context: CallContext) -> None:
    """Queries open at once must fit into a data source's limit."""
    most = context.limits.max_concurrent_queries
    for name, count in Counter(data_sources).items():
        if count > most:
            raise LimitExceededError(
                f"The statement reads {name} {count} times; a data source runs {most} queries at once. "
                "Read it once, in a WITH."
            )


def _data_source(table: TableRef, sources: SourceReader) -> str:
    """The name that the statement means: as it is written, or in small letters, as SQL reads capitals."""
    name = table.path[0]
    for each in dict.fromkeys((name, name.lower())):
        with suppress(DataSourceNotFoundError):
            sources.plugin_info(each)
            return each
    if table.arguments is None and len(table.path) == 1:
        raise sql_failed(
            f"There is no table {table.name!r}; write DATA_SOURCE('query') or DATA_SOURCE.TABLE."
        )
    raise sql_failed(f"There is no data source {name!r}, which the statement names.")


def _source_query(table: TableRef, query: DataQuery, info: PluginInfo) -> DataQuery:
    keys = _table_keys(table, info) if table.arguments is None else _argument_keys(table, info)
    return evolve(query, ref_id="A", query_type=str(keys.get("queryType") or ""), json=keys)


def _argument_keys(table: TableRef, info: PluginInfo) -> Mapping[str, Any]:
    """The query object that a text stands for: JSON, or the plugin's main text."""
    arguments = table.arguments or ()
    if len(arguments) > 1 or len(table.path) > 1:
        raise sql_failed(f"{table.name}(…) takes one text, a query in the language of its data source.")
    text = arguments[0] if arguments else ""
    if text.lstrip().startswith("{") or not info.query_text_key:
        try:
            keys = json.loads(text or "{}")
        except ValueError:
            keys = None
        if isinstance(keys, dict):
            return keys
    return {info.query_text_key: text} if text else {}


def _table_keys(table: TableRef, info: PluginInfo) -> Mapping[str, Any]:
    source, *parts = table.path
    if not parts:
        raise sql_failed(f"{source} is a data source; write {source}('query') or {source}.TABLE.")
    if not info.table_query:
        raise sql_failed(f"{source} knows no tables; write {source}('query').")
    quote = info.identifier_quote
    if quote and any(quote in part or "\\" in part or "\0" in part for part in parts):
        raise sql_failed(f"{table.name}: names of tables cannot hold quotes and backslashes here.")
    if not quote and not (len(parts) == 1 and _BARE_NAME.fullmatch(parts[0])):
        raise sql_failed(f"{table.name} is no name of a table of {source}.")
    name = ".".join(f"{quote}{part}{quote}" for part in parts)
    return {key: text.replace("{table}", name) for key, text in info.table_query.items()}


def _rows(
    engine: Engine,
    statement: Statement,
    tables: Mapping[int, SourceDataset],
    parameters: Any,
    context: CallContext,
) -> FrameStream:
    """The result; notices of the sources behind the last row, and their errors as they were raised."""
    with _blaming(tables, context):
        result = engine.run(statement, tables, context, parameters=parameters)

    def batches() -> Iterator[pa.RecordBatch]:
        with result, _blaming(tables, context):
            yield from result
        for table in tables.values():
            for notice in table.notices:
                stream.add_notice(notice)

    stream = FrameStream(result.schema, batches())
    return stream


class _blaming:  # noqa: N801 used as a keyword would be
    """Whatever DuckDB makes of it, an error within the block is the one that a source failed with."""

    def __init__(self, tables: Mapping[int, SourceDataset], context: CallContext) -> None:
        self._tables = tables
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, HeadwaterError):
            return
        self._context.check()
        for table in self._tables.values():
            if table.failure is not None:
                raise table.failure


def _explained(
    engine: Engine,
    statement: Statement,
    tables: Mapping[int, SourceDataset],
    parameters: Any,
    context: CallContext,
) -> list[str]:
    """DuckDB's plan, line by line, and what each source is asked for."""
    with _blaming(tables, context):
        lines = engine.explain(statement, tables, context, parameters=parameters).splitlines()
    for table in tables.values():
        lines.append(f"{table.name}: {query_text(table.query)}")
        if table.why_whole:
            lines.append(f"  is read whole: {table.why_whole}")
        elif statement.explain != "analyze":
            lines.append("  columns and filters of its scan are offered to its plugin")
        lines += [f"  {line}" for scan in table.scans for line in scan.lines()]
    return lines
