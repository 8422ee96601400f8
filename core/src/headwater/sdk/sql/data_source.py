"""Base of data sources that speak SQL: subclass it, and say how to connect and how your dialect reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import attrs
import pyarrow as pa

from headwater.calls.context import CallContext
from headwater.errors import HeadwaterError, TextPosition, ValidationError, describe
from headwater.frames import Frame, FrameMeta, FrameStream
from headwater.models import CheckHealthResult, DataSourceInstanceSettings, Filter, Partitions
from headwater.sdk.data_source import DataSource, QueryResult
from headwater.sdk.positions import located_errors
from headwater.sdk.resources import ResourceRequest, resource

from .catalog import KeptAnswers, Records
from .cuts import Cutter
from .execution import Execution, SqlConnection
from .expanded import ExpandedQuery
from .parameters import IN_ORDER, Placeholders, bind
from .pool import Pool, PoolLimits
from .query import LONG_SERIES, SqlQuery
from .scanner import Dialect
from .series import metric_index, time_series
from .settings import SqlSettings
from .side_by_side import read_side_by_side
from .statements import ReadStatements, statement_words, without_semicolon
from .time_columns import EpochColumns
from .time_macros import StandardMacros, TimeMacros

__all__ = ["SqlDataSource"]

SettingsT = TypeVar("SettingsT", bound=SqlSettings)


class SqlDataSource(DataSource[SettingsT, SqlQuery]):
    """Macros, parameters, formats, allow-list, pool, health and browsing. Connects on first use. Thread-safe.

    `catalog` has the SQL that answers each resource: `schemas`; `tables`, with a schema's name as its only
    parameter, empty for all; `columns`, with a schema's and a table's; `functions`. `version_sql` gives a
    column `version`. `cutter` divides results into parts; without one, none is divided.
    """

    title: ClassVar[str] = "the database"
    dialect: Dialect = Dialect()
    placeholders: Placeholders = IN_ORDER
    reads: ReadStatements = ReadStatements()
    macros: TimeMacros = StandardMacros(Dialect())
    catalog: Mapping[str, str] = {}
    cutter: Cutter | None = None
    version_sql: str = "SELECT '' AS version"

    def __init__(self, settings: SettingsT, instance: DataSourceInstanceSettings, logger: Any = None) -> None:
        super().__init__(settings, instance, logger)
        limits = PoolLimits(settings.max_open_conns, settings.max_idle_conns, settings.conn_max_lifetime)
        self.pool: Pool[SqlConnection] = Pool(self.connect, limits, settings.connect_seconds)
        self._shortest_interval = settings.shortest_interval()
        self._kept = KeptAnswers()

    @abstractmethod
    def connect(self, seconds: float, context: CallContext) -> SqlConnection:
        """A new connection, made within `seconds`. Raises errors of `headwater.errors`."""

    def explain(self, error: Exception) -> HeadwaterError:
        """What an error of the driver means."""
        return describe(error)

    def locate(self, error: HeadwaterError, sent: str) -> TextPosition | None:
        """Where in the statement, as it was sent, the database found the fault, if it tells."""
        del error, sent
        return None

    def numbers(self, table: pa.Table) -> pa.Table:
        """`table` with those of its numbers that are no Arrow numbers as float64, to be drawn as series."""
        return table

    def query(self, query: SqlQuery, context: CallContext) -> QueryResult:
        """A stream for a table, a frame for a time series, None for an empty statement.

        Raises errors of `headwater.errors`.
        """
        query.check()
        if not query.raw_sql.strip():
            return None
        if query.partitions > 1:
            return self._side_by_side(query, context)
        return self._answer(query, context)

    def partitions(
        self,
        query: SqlQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        query.check()
        if self.cutter is None:
            return None

        def ask(sql: str) -> pa.Table:
            answer = self._answer(attrs.evolve(query, raw_sql=sql, partitions=1), context)
            assert isinstance(answer, FrameStream)
            return answer.collect(max_bytes=context.limits.max_bytes).table

        return self.cutter.divide(query, target, columns, filters, ask)

    def _answer(self, query: SqlQuery, context: CallContext) -> Frame | FrameStream:
        interval = max(timedelta(milliseconds=query.interval_ms), self._shortest_interval)
        expanded = self.macros.expand(
            query.raw_sql, query.time_range, interval, whole_groups=query.query_caching_ranges
        )
        verb = self._verb(expanded.sql)
        statement = without_semicolon(expanded.sql, self.dialect)
        sql, values = bind(statement, query.params, self.dialect, self.placeholders)
        with located_errors(query.raw_sql, sql, self.locate):
            stream = self._stream(sql, values, verb, expanded, context)
        if not query.is_series:
            return stream
        limits = context.limits
        with stream:
            frame = stream.collect(max_rows=limits.max_rows, max_bytes=limits.max_bytes)
        frame = frame.with_(table=self.numbers(frame.table))
        return time_series(
            frame,
            metric_index(frame.schema),
            expanded,
            query.time_range,
            limits.max_rows,
            long=query.format == LONG_SERIES,
        )

    def _side_by_side(self, query: SqlQuery, context: CallContext) -> Frame | FrameStream:
        divided = self.partitions(query, query.partitions, None, (), context)
        statements = [part.query.json["rawSql"] for part in divided.parts] if divided else []
        if len(statements) < 2:
            return self._answer(attrs.evolve(query, partitions=1), context)

        def start(sql: str, part: CallContext) -> FrameStream:
            answer = self._answer(attrs.evolve(query, raw_sql=sql, partitions=1), part)
            assert isinstance(answer, FrameStream)
            return answer

        return read_side_by_side(statements, start, context)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        try:
            version = self.rows(self.version_sql, (), context)
        except HeadwaterError as error:
            context.check()
            return CheckHealthResult.failed(str(error), verboseMessage=str(error.__cause__ or error))
        return CheckHealthResult.ok(
            "Database Connection OK",
            server=self.title,
            version=str(version[0]["version"]),
            openConnections=self.pool.state.open,
            idleConnections=self.pool.state.idle,
        )

    def close(self) -> None:
        self.pool.close()

    def rows(self, sql: str, values: tuple[Any, ...], context: CallContext) -> Records:
        """A small result as Python values, for questions of our own."""
        execution = Execution(self.pool, context, self.explain)
        schema = execution.start(sql, values).schema
        records: Records = pa.Table.from_batches(execution.batches(), schema).to_pylist()
        return records

    @resource("schemas")
    def schemas(self, request: ResourceRequest, context: CallContext) -> Records:
        """Schemas that the user may see: `[{"name"}]`."""
        del request
        return self.browse("schemas", (), context)

    @resource("databases")
    def databases(self, request: ResourceRequest, context: CallContext) -> Records:
        """The schemas, by the name that other SQL data sources give them."""
        return self.schemas(request, context)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> Records:
        """Tables and views of `?schema=`, of all schemas without it: schema, name, kind, comment, and
        `needsSchema` where the name alone does not find it."""
        return self.browse("tables", (_schema(request),), context)

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> Records:
        """Columns of `?table=` in `?schema=`: name, type, nullability, default, comment."""
        schema, table = _schema(request), request.query.get("table", "")
        if not table:
            raise ValidationError("is required", path="table")
        if not schema and "." in table:
            schema, _, table = table.partition(".")
        return self.browse("columns", (schema, table), context)

    @resource("functions")
    def functions(self, request: ResourceRequest, context: CallContext) -> Records:
        """Functions for completion: name, returns, comment."""
        del request
        return self.browse("functions", (), context)

    def browse(self, kind: str, values: tuple[str, ...], context: CallContext) -> Records:
        """The answer of `catalog` for `kind`, kept for a while; nothing where it has none."""
        listing = self.listing(kind, values)
        if listing is None:
            return []
        return self._kept.get((kind, values), lambda: self.rows(*listing, context), context)

    def listing(self, kind: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """The statement that answers `kind`, and its values: those of `catalog`, unless overridden."""
        sql = self.catalog.get(kind)
        return None if sql is None else (sql, values)

    def _verb(self, sql: str) -> str:
        """The statement's first word. Raises QueryError if it may not run here."""
        if self.settings.read_only:
            return self.reads.check(sql, self.dialect)
        return next(iter(statement_words(sql, self.dialect)), "")

    def _stream(
        self, sql: str, values: tuple[Any, ...], verb: str, expanded: ExpandedQuery, context: CallContext
    ) -> FrameStream:
        execution = Execution(self.pool, context, self.explain)
        result = execution.start(sql, values, verb)
        epochs = EpochColumns(result.schema, expanded.epoch_units)
        meta = FrameMeta(executed_query_string=expanded.sql)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            rows = size = 0
            for batch in execution.batches():
                if result.notices:
                    stream.meta = attrs.evolve(meta, notices=result.notices)
                rows, size = rows + batch.num_rows, size + batch.nbytes
                context.report_progress(rows=rows, bytes=size)
                yield epochs.convert(batch)

        stream = FrameStream(
            epochs.schema, batches(), meta=meta, on_close=execution.close, on_cancel=execution.cancel
        )
        return stream


def _schema(request: ResourceRequest) -> str:
    """`?schema=`, or `?database=`, as editors ask of every SQL data source."""
    return request.query.get("schema") or request.query.get("database", "")
