"""One live MySQL data source: a pool of connections, and what can be asked of it."""

from __future__ import annotations

import socket
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from attrs import evolve

from headwater.errors import HeadwaterError, QueryError
from headwater.frames import Frame, FrameMeta, FrameStream, Notice
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    DataSourceInstanceSettings,
    Filter,
    Partitions,
    QueryResult,
    ResourceRequest,
    located_errors,
    resource,
)
from headwater.sdk.sql import (
    LONG_SERIES,
    EpochColumns,
    ExpandedQuery,
    Pool,
    PoolLimits,
    bind,
    time_series,
)
from headwater_mysql.cancellation import QueryCanceller
from headwater_mysql.connection import Connection
from headwater_mysql.decode.choice import choose_decoder
from headwater_mysql.dialect import PLACEHOLDERS, Readings
from headwater_mysql.errors import locate
from headwater_mysql.execution import Execution
from headwater_mysql.handshake import Target, shut
from headwater_mysql.health import describe_failure, describe_success
from headwater_mysql.macros import expand, refuse_restricted, unix_times_of
from headwater_mysql.metadata import Metadata
from headwater_mysql.metric import metric_index
from headwater_mysql.partitions import PartitionedRead
from headwater_mysql.protocol.columns import Column
from headwater_mysql.query_model import MySQLQuery
from headwater_mysql.read_tasks import divide
from headwater_mysql.result_sets import may_return_several, read_result_sets
from headwater_mysql.settings import MySQLSettings
from headwater_mysql.statements import check_reads_only


class MySQLDataSource(DataSource[MySQLSettings, MySQLQuery]):
    """Connects on first use. Thread-safe."""

    def __init__(
        self, settings: MySQLSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        self._target = Target.of(settings, instance)
        self._shortest_interval = settings.shortest_interval()
        try:
            self.decoder_name, self._decoder = choose_decoder(settings.decoder)
        except ImportError as error:
            raise QueryError("the native decoder was not built into this installation") from error
        limits = PoolLimits(settings.max_open_conns, settings.max_idle_conns, settings.conn_max_lifetime)
        self.pool: Pool[Connection] = Pool(self._connect, limits, settings.connect_seconds)
        self._canceller = QueryCanceller(self._connect_bare, logger)
        self._metadata = Metadata(self._rows)

    def query(self, query: MySQLQuery, context: CallContext) -> QueryResult:
        """A stream for a table, a frame for a time series, None for an empty statement.

        A statement that may return several results gives a frame for each.

        Raises errors of `headwater.errors`.
        """
        query.check()
        if not query.raw_sql.strip():
            return None
        execution = self._execution(context)  # first: its session says how the text reads
        try:
            return self._answer(execution, query, context)
        except BaseException:
            execution.close()
            raise

    def _answer(self, execution: Execution, query: MySQLQuery, context: CallContext) -> QueryResult:
        sql, parameters, expanded = self._prepared(execution, query)
        read: Execution | PartitionedRead = execution
        if query.partitions > 1 and not may_return_several(expanded.sql, expanded.dialect):
            read = PartitionedRead.start(
                execution, self._execution, context, sql, parameters, query.partition_column, query.partitions
            )
        else:
            with located_errors(query.raw_sql, sql, locate):
                execution.start(sql, parameters, binary=self.settings.wire_protocol == "binary")
            if may_return_several(expanded.sql, expanded.dialect):
                return self._result_sets(execution, expanded, query, context)
        stream = self._stream(read, expanded, context)
        if not query.is_series:
            return stream
        limits = context.limits
        frame = stream.collect(max_rows=limits.max_rows, max_bytes=limits.max_bytes)
        return time_series(
            frame,
            metric_index(read.columns),
            expanded,
            query.time_range,
            limits.max_rows,
            long=query.format == LONG_SERIES,
        )

    def _prepared(
        self, execution: Execution, query: MySQLQuery
    ) -> tuple[str, tuple[Any, ...], ExpandedQuery]:
        """The statement for the session of `execution`, with macros expanded, and its parameters in order."""
        interval = max(timedelta(milliseconds=query.interval_ms), self._shortest_interval)
        expanded = expand(
            query.raw_sql,
            query.time_range,
            interval,
            execution.dialect,
            whole_groups=query.query_caching_ranges,
            unix_times=unix_times_of(execution.server_version),
        )
        self._check(expanded.sql, execution.readings)
        sql, parameters = bind(expanded.sql, query.params, expanded.dialect, PLACEHOLDERS)
        # Statements take a moment by the clock of their session.
        local = self.settings.session_time
        times = [local(each) if isinstance(each, datetime) and each.tzinfo else each for each in parameters]
        return sql, tuple(times), expanded

    def _check(self, sql: str, readings: Readings) -> None:
        """Raises QueryError if the statement does what it may not do here, in any way to read it."""
        for dialect in readings:
            refuse_restricted(sql, dialect)
            if self.settings.read_only:
                check_reads_only(sql, dialect, allow_calls=self.settings.allow_calls)

    def partitions(
        self,
        query: MySQLQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        query.check()

        def ask(sql: str) -> pa.Table:
            result = self.query(evolve(query, raw_sql=sql, partitions=1), context)
            assert isinstance(result, FrameStream)
            return result.collect(max_bytes=context.limits.max_bytes).table

        def records(sql: str) -> tuple[list[dict[str, Any]], tuple[Column, ...]]:
            execution = self._execution(context)
            try:
                text, parameters, _ = self._prepared(execution, evolve(query, raw_sql=sql))
                execution.start(text, parameters)
                return execution.records(), execution.columns
            finally:
                execution.close()

        return divide(query, target, columns, filters, ask, records)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        try:
            execution = self._execution(context)
            execution.start("SELECT 1")
            for _ in execution.batches():
                pass
        except HeadwaterError as error:
            context.check()
            return describe_failure(error)
        return describe_success(execution.session, self.decoder_name, self.pool.state)

    def close(self) -> None:
        self.pool.close()
        self._canceller.close()

    @resource("databases")
    def databases(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """Databases that the user may see: `[{"name"}]`."""
        del request
        return self._metadata.databases(context)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """Tables and views of `?database=` (the configured one by default): name, kind, rows, comment."""
        return self._metadata.tables(self._database(request), context)

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """Columns of `?table=` in `?database=`: name, type, nullability, key, default, comment."""
        return self._metadata.columns(self._database(request), request.query.get("table", ""), context)

    @resource("functions")
    def functions(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """Functions for completion: the common built-in ones and those stored in the databases."""
        del request
        return self._metadata.functions(context)

    def _database(self, request: ResourceRequest) -> str:
        return request.query.get("database") or self._target.database

    def _connect(self, seconds: float, context: CallContext) -> Connection:
        opening: list[socket.socket] = []
        with context.on_cancel(lambda: shut(opening)):
            return Connection.open(self._target, seconds, self._decoder, opening.append)

    def _connect_bare(self, seconds: float) -> Connection:
        return Connection.open_bare(self._target, seconds, self._decoder)

    def _execution(self, context: CallContext) -> Execution:
        return Execution(self.pool, self._canceller, context)

    def _stream(
        self, read: Execution | PartitionedRead, expanded: ExpandedQuery, context: CallContext
    ) -> FrameStream:
        epochs = EpochColumns(read.schema, expanded.epoch_units)
        meta = FrameMeta(executed_query_string=expanded.sql, notices=read.notices)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            try:
                rows = size = 0
                for batch in read.batches():
                    stream.meta = self._with_zero_dates(meta, read.zero_dates)
                    if context.hears_progress:
                        rows, size = rows + batch.num_rows, size + batch.nbytes
                        context.report_progress(rows=rows, bytes=size)
                    yield epochs.convert(batch)
            finally:
                read.close()

        stream = FrameStream(epochs.schema, batches(), meta=meta, on_close=read.close, on_cancel=read.cancel)
        return stream

    def _result_sets(
        self, execution: Execution, expanded: ExpandedQuery, query: MySQLQuery, context: CallContext
    ) -> list[Frame]:
        """A frame for each result set, together within the limits. Without any: one frame without columns."""
        limits, meta = context.limits, FrameMeta(executed_query_string=expanded.sql)
        frames, rows, size = [], 0, 0
        for result in read_result_sets(execution, limits.max_rows, limits.max_bytes):
            epochs = EpochColumns(result.schema, expanded.epoch_units)
            batches = map(epochs.convert, result.batches)
            meta_of_set = self._with_zero_dates(meta, result.zero_dates)
            frame = FrameStream(epochs.schema, batches, meta=meta_of_set).collect(
                None if limits.max_rows is None else limits.max_rows - rows,
                None if limits.max_bytes is None else max(0, limits.max_bytes - size),
            )
            rows, size = rows + frame.num_rows, size + frame.nbytes
            if query.is_series:
                metric, long = metric_index(result.columns), query.format == LONG_SERIES
                frame = time_series(frame, metric, expanded, query.time_range, limits.max_rows, long=long)
            frames.append(frame)
        return frames or [Frame(pa.table({}), meta=meta)]

    def _with_zero_dates(self, meta: FrameMeta, count: int) -> FrameMeta:
        if not count:
            return meta
        if self.settings.zero_dates == "error":
            raise QueryError(
                "the result holds zero or impossible dates, which the data source does not allow"
            )
        return meta.with_notice(Notice.warning(f"{count} zero or impossible date(s) became null"))

    def _rows(self, sql: str, parameters: tuple[str, ...], context: CallContext) -> list[dict[str, Any]]:
        """A small result as Python values, for the resources."""
        execution = self._execution(context)
        execution.start(sql, parameters)
        return execution.records()
