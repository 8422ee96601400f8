"""One live database: a pool of connections, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from importlib import import_module
from typing import Any

import attrs
import pyarrow as pa

from headwater.errors import HeadwaterError, ValidationError
from headwater.frames import Frame, FrameMeta, FrameStream
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    DataSourceInstanceSettings,
    QueryResult,
    ResourceRequest,
    resource,
)
from headwater.sdk.sql import (
    TIME_SERIES,
    EpochColumns,
    ExpandedQuery,
    KeptAnswers,
    Records,
    SqlQuery,
    bind,
    metric_index,
    statement_words,
    time_series,
    without_semicolon,
)
from headwater_adbc.connection import Connections
from headwater_adbc.execution import Execution
from headwater_adbc.preset import Preset
from headwater_adbc.settings import AdbcSettings


class AdbcDataSource(DataSource[AdbcSettings, SqlQuery]):
    """Connects on first use. Thread-safe."""

    def __init__(
        self, settings: AdbcSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        module, _, name = settings.preset.partition(":")
        self.preset: Preset[Any] = getattr(import_module(module), name)(settings, instance)
        self._shortest_interval = settings.shortest_interval()
        self.connections = Connections(self.preset)
        self._kept = KeptAnswers()

    def query(self, query: SqlQuery, context: CallContext) -> QueryResult:
        """A stream for a table, a frame for a time series, None for an empty statement.

        Raises errors of `headwater.errors`.
        """
        query.check()
        if not query.raw_sql.strip():
            return None
        preset = self.preset
        interval = max(timedelta(milliseconds=query.interval_ms), self._shortest_interval)
        expanded = preset.macros.expand(query.raw_sql, query.time_range, interval)
        verb = self._verb(expanded.sql)
        sql, values = bind(
            without_semicolon(expanded.sql, preset.dialect), query.params, preset.dialect, preset.placeholders
        )
        execution = Execution(self.connections, preset, context)
        execution.start(sql, values, verb)
        stream = self._stream(execution, expanded, context)
        if query.format != TIME_SERIES:
            return stream
        limits = context.limits
        with stream:
            frame = stream.collect(max_rows=limits.max_rows, max_bytes=limits.max_bytes)
        return self._series(frame, expanded, query, limits.max_rows)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        try:
            version = self._rows(self.preset.version_sql, (), context) if self.preset.version_sql else []
            if not version:
                Execution(self.connections, self.preset, context).close()
        except HeadwaterError as error:
            context.check()
            return CheckHealthResult.failed(str(error), verboseMessage=str(error.__cause__ or error))
        pool = self.connections.pool.state
        return CheckHealthResult.ok(
            "Database Connection OK",
            server=self.preset.title,
            version=str(version[0]["version"]) if version else "",
            openConnections=pool.open,
            idleConnections=pool.idle,
        )

    def close(self) -> None:
        self.connections.close()

    @resource("schemas")
    def schemas(self, request: ResourceRequest, context: CallContext) -> Records:
        """Schemas that the user may see: `[{"name"}]`."""
        del request
        return self._catalog("schemas", (), context)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> Records:
        """Tables and views of `?schema=`, all schemas without it: schema, name, kind, comment."""
        return self._catalog("tables", (request.query.get("schema", ""),), context)

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> Records:
        """Columns of `?table=` in `?schema=`: name, type, nullability, default, comment."""
        schema, table = request.query.get("schema", ""), request.query.get("table", "")
        if not table:
            raise ValidationError("is required", path="table")
        if not schema and "." in table:
            schema, _, table = table.partition(".")
        return self._catalog("columns", (schema, table), context)

    @resource("functions")
    def functions(self, request: ResourceRequest, context: CallContext) -> Records:
        """Functions for completion: name, returns, comment."""
        del request
        return self._catalog("functions", (), context)

    @resource("hypertables")
    def hypertables(self, request: ResourceRequest, context: CallContext) -> Records:
        """Hypertables of TimescaleDB: schema, name. None where the setting `timescaledb` is off."""
        del request
        on = getattr(self.settings, "timescaledb", False)
        return self._catalog("hypertables", (), context) if on else []

    def _verb(self, sql: str) -> str:
        """The statement's first word. Raises QueryError if it may not run here."""
        if self.settings.read_only:
            return self.preset.reads.check(sql, self.preset.dialect)
        return next(iter(statement_words(sql, self.preset.dialect)), "")

    def _stream(self, execution: Execution, expanded: ExpandedQuery, context: CallContext) -> FrameStream:
        columns = execution.columns
        epochs = EpochColumns(columns.schema, expanded.epoch_units)
        meta = FrameMeta(executed_query_string=expanded.sql)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            rows = size = 0
            try:
                for batch in execution.batches():
                    if columns.notices:
                        stream.meta = attrs.evolve(meta, notices=columns.notices)
                    rows, size = rows + batch.num_rows, size + batch.nbytes
                    context.report_progress(rows=rows, bytes=size)
                    yield epochs.convert(batch)
            finally:
                execution.close()

        stream = FrameStream(
            epochs.schema, batches(), meta=meta, on_close=execution.close, on_cancel=execution.cancel
        )
        return stream

    def _series(self, frame: Frame, expanded: ExpandedQuery, query: SqlQuery, max_rows: int | None) -> Frame:
        frame = frame.with_(table=self.preset.numbers(frame.table))
        return time_series(frame, metric_index(frame.schema), expanded, query.time_range, max_rows)

    def _catalog(self, kind: str, values: tuple[str, ...], context: CallContext) -> Records:
        sql = self.preset.catalog.get(kind)
        if sql is None:
            return []
        return self._kept.get((kind, values), lambda: self._rows(sql, values, context), context)

    def _rows(self, sql: str, values: tuple[str, ...], context: CallContext) -> Records:
        """A small result as Python values."""
        execution = Execution(self.connections, self.preset, context)
        schema = execution.start(sql, values).schema
        records: Records = pa.Table.from_batches(execution.batches(), schema).to_pylist()
        return records
