"""The data source: expands the query, runs it on its engine, mends types, shapes frames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attrs
import pyarrow as pa

from headwater.calls import CallContext
from headwater.errors import QueryError, ValidationError
from headwater.frames import FrameMeta, FrameStream, Notice, Visualisation
from headwater.models import CheckHealthResult
from headwater.sdk import (
    DataSource,
    DataSourceInstanceSettings,
    Filter,
    Partitions,
    QueryResult,
    ResourceRequest,
    located_errors,
    resource,
)

from .catalog import Catalog
from .dialect import asks_for_extremes, asks_for_totals, can_be_described, can_be_repeated, prepare_statement
from .embedded import EmbeddedEngine
from .embedded_process import engine_path
from .engine import ArrowResult, Engine, Statement
from .errors import locate
from .health import check_health
from .macros import expand
from .parameters import encode_parameters
from .partitions import NOTICE, read_partitioned
from .query_model import ClickHouseQuery, Format
from .read_tasks import divide
from .refused_times import refuses_times, times_as_numbers
from .settings import ClickHouseSettings, is_embedded
from .typed_result import mend_types

_TOTALS_LEFT_OUT = Notice.warning(
    "The totals of WITH TOTALS are not in the result: Arrow has no place for them. "
    "WITH ROLLUP returns them as rows."
)
_EXTREMES_LEFT_OUT = Notice.warning(
    "The extremes are not in the result: Arrow has no place for them. Ask for min(…) and max(…) instead."
)


class ClickHouseDataSource(DataSource[ClickHouseSettings, ClickHouseQuery]):
    """One ClickHouse: a server over HTTP, or the engine in this process."""

    def __init__(
        self, settings: ClickHouseSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        self.engine: Engine = _make_engine(settings, instance)

    @cached_property
    def catalog(self) -> Catalog:
        ttl = self.settings.schema_cache_ttl if self.settings.enable_schema_cache else 0.0
        return Catalog(self.engine, default_database=self._default_database, ttl=ttl)

    @property
    def _default_database(self) -> str:
        return self.instance.database or self.settings.default_database

    def query(self, query: ClickHouseQuery, context: CallContext) -> QueryResult:
        wanted = query.result_format
        sql = prepare_statement(expand(query), allow_writes=self.settings.allow_writes)
        statement = Statement(sql, encode_parameters(query.params))
        with located_errors(query.raw_sql, sql, locate):
            stream = self._stream(statement, query, context)
        if wanted is Format.TABLE:
            return stream
        from .formats import shape

        return shape(wanted, stream, query, context)

    def partitions(
        self,
        query: ClickHouseQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        def rows(sql: str) -> list[dict[str, Any]]:
            expanded = expand(attrs.evolve(query, raw_sql=sql))
            prepared = prepare_statement(expanded, allow_writes=False)
            return self.engine.rows(Statement(prepared, encode_parameters(query.params)), context)

        def schema_of(sql: str) -> pa.Schema:
            result = self.query(attrs.evolve(query, raw_sql=sql, partitions=1), context)
            assert isinstance(result, FrameStream)
            with result:
                return result.schema

        return divide(query, target, columns, filters, rows, schema_of)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        return check_health(self.engine, context)

    def close(self) -> None:
        self.engine.close()

    def _stream(self, statement: Statement, query: ClickHouseQuery, context: CallContext) -> FrameStream:
        try:
            result, schema, batches = self._read(statement, statement, query, context)
        except QueryError as error:
            rewritten = self._without_times(statement, context) if refuses_times(error) else None
            if rewritten is None:
                raise
            result, schema, batches = self._read(rewritten, statement, query, context)
        stream = FrameStream(
            schema,
            batches,
            meta=FrameMeta(
                preferred_visualisation_type=Visualisation.TABLE, executed_query_string=statement.sql
            ),
            on_close=result.close,
            on_cancel=result.cancel,
        )
        if query.partitions > 1:
            stream.add_notice(NOTICE)
        for notice in self._left_out(statement.sql):
            stream.add_notice(notice)
        return stream.limited(self.settings.row_limit) if self.settings.enable_row_limit else stream

    def _read(
        self, sent: Statement, meant: Statement, query: ClickHouseQuery, context: CallContext
    ) -> tuple[ArrowResult, pa.Schema, Iterator[pa.RecordBatch]]:
        """The running query, and what its result becomes; `meant` has the types that count."""
        result = self._start(sent, query, context)
        try:
            schema, batches = mend_types(
                result,
                lambda: self._types(meant, context),
                time_zone=query.time_zone,
                binary_columns=query.binary_columns,
                intervals="interval" in meant.sql.lower(),
                certain=sent is meant,
                drawn=query.result_format in {Format.TIME_SERIES, Format.MULTI},
            )
        except BaseException:
            result.close()
            raise
        return result, schema, batches

    def _types(self, statement: Statement, context: CallContext) -> list[str]:
        """The declared types of a statement's columns; none if nothing tells them."""
        if can_be_described(statement.sql):
            return [type_ for _, type_ in self._describe(statement, context)]
        if can_be_repeated(statement.sql):
            return self.engine.column_types(Statement(statement.sql, statement.parameters), context)
        return []

    def _describe(self, statement: Statement, context: CallContext) -> list[tuple[str, str]]:
        """Names and types of a SELECT's columns."""
        described = Statement(f"DESCRIBE ({statement.sql}\n)", statement.parameters)
        rows = self.engine.rows(described, context)
        return [(str(row.get("name", "")), str(row.get("type", ""))) for row in rows]

    def _without_times(self, statement: Statement, context: CallContext) -> Statement | None:
        if not can_be_described(statement.sql):
            return None
        sql = times_as_numbers(statement.sql, self._describe(statement, context))
        return None if sql is None else Statement(sql, statement.parameters)

    def _left_out(self, sql: str) -> Iterator[Notice]:
        """What ClickHouse would send besides the rows, for which its Arrow streams have no place."""
        if asks_for_totals(sql):
            yield _TOTALS_LEFT_OUT
        custom = {item.setting: item.value for item in self.settings.custom_settings}
        if asks_for_extremes(sql) or custom.get("extremes", "0") not in {"0", "false"}:
            yield _EXTREMES_LEFT_OUT

    def _start(self, statement: Statement, query: ClickHouseQuery, context: CallContext) -> ArrowResult:
        if query.partitions == 1:
            return self.engine.run(statement, context)
        if not query.partition_column:
            raise ValidationError("is required for a partitioned read", path="partitionColumn")
        return read_partitioned(self.engine, statement, query.partition_column, query.partitions, context)

    @resource("databases")
    def databases(self, request: ResourceRequest, context: CallContext) -> Any:
        return self.catalog.databases(context)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> Any:
        return self.catalog.tables(request.query.get("database", ""), context)

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> Any:
        return self.catalog.columns(
            request.query.get("database", ""), request.query.get("table", ""), context
        )

    @resource("functions")
    def functions(self, request: ResourceRequest, context: CallContext) -> Any:
        return self.catalog.functions(context)

    @resource("settings")
    def server_settings(self, request: ResourceRequest, context: CallContext) -> Any:
        return self.catalog.settings(context)

    @resource("map-keys")
    def map_keys(self, request: ResourceRequest, context: CallContext) -> Any:
        query = request.query
        return self.catalog.map_keys(
            query.get("database", ""), query.get("table", ""), query.get("column", ""), context
        )


def _make_engine(settings: ClickHouseSettings, instance: DataSourceInstanceSettings) -> Engine:
    if is_embedded(instance.url):
        custom = {item.setting: item.value for item in settings.custom_settings}
        return EmbeddedEngine(
            engine_path(instance.url),
            database=instance.database or settings.default_database,
            settings={"output_format_arrow_low_cardinality_as_dictionary": "1", **custom},
            read_only=not settings.allow_writes,
        )
    from .remote import make_remote_engine

    return make_remote_engine(settings, instance)
