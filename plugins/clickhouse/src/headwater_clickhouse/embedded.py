"""The embedded engine: ClickHouse in this process, by way of chdb."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pyarrow as pa

from headwater.calls import CallContext
from headwater.errors import QueryError

from .cancellation import QueryCanceller
from .dialect import is_read, quote_name, quote_text
from .embedded_process import MEMORY, connect, disconnect, refuse_in_forked_child
from .engine import TYPED_FORMAT, Statement, read_rows, read_types
from .errors import refused_by_arrow, server_error
from .example_view import EXAMPLE_VIEW

_IDLE_CONNECTIONS = 4
_STREAM_MARK = b"\xff\xff\xff\xff"  # continuation marker of Arrow IPC messages


class EmbeddedEngine:
    """Queries side by side, each on a connection of its own, all on the one engine of `path`.

    `settings` are ClickHouse settings of every query; with `read_only` the engine refuses changes.
    """

    kind = "embedded"

    def __init__(
        self,
        path: str,
        *,
        database: str = "",
        settings: Mapping[str, str] | None = None,
        read_only: bool = True,
    ) -> None:
        self._path = path
        self._database = database
        self._settings = dict(settings or {})
        self._read_only = read_only
        self._lock = threading.Lock()  # guards the connections below
        self._idle: list[_Connection] = []
        self._control: _Connection | None = None
        self._closed = False
        self._canceller = QueryCanceller(self._cancel_query)
        self.kill = self._canceller.kill

    def run(self, statement: Statement, context: CallContext) -> EmbeddedResult:
        connection = self._borrow()
        try:
            connection.begin(statement.query_id, context)
            connection.spoilt = not is_read(statement.sql)
            with context.on_cancel(lambda: self.kill(statement.query_id)):
                context.check()
                return EmbeddedResult(self, connection, statement, context)
        except BaseException:
            self._give_back(connection)
            raise

    def rows(self, statement: Statement, context: CallContext) -> list[dict[str, Any]]:
        return read_rows(self._whole(statement, context, "JSONEachRow"))

    def column_types(self, statement: Statement, context: CallContext) -> list[str]:
        return read_types(self._whole(statement, context, TYPED_FORMAT))

    def health_details(self) -> dict[str, str]:
        return {"path": self._path}

    def close(self) -> None:
        self._canceller.join()
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            control, self._control = self._control, None
        for connection in idle:
            connection.close()
        if control is not None:
            control.close()

    def _whole(self, statement: Statement, context: CallContext, output_format: str) -> bytes:
        connection = self._borrow()
        try:
            connection.begin(statement.query_id, context)
            with context.on_cancel(lambda: self.kill(statement.query_id)):
                context.check()
                return connection.whole(statement, output_format)
        finally:
            self._give_back(connection)

    def _borrow(self) -> _Connection:
        refuse_in_forked_child()
        with self._lock:
            self._hold_engine()
            if self._idle:
                return self._idle.pop()
        connection = _Connection(connect(self._path))
        try:
            for name, value in self._settings.items():
                connection.command(f"SET {quote_name(name)} = {quote_text(value)}")
            if self._database:
                connection.command(f"USE {quote_name(self._database)}")
            connection.time_zone = connection.command("SELECT timezone()").strip()
        except BaseException:
            connection.close()
            raise
        connection.read_only = self._read_only
        return connection

    def _give_back(self, connection: _Connection) -> None:
        connection.end()
        with self._lock:
            if not (self._closed or connection.spoilt) and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _cancel_query(self, query_id: str) -> bool:
        """Kill over a connection of its own: the query's is locked while the engine works on it."""
        with self._lock:
            if self._closed:
                return True
            # Not SYNC: the query ends when its reader asks for the next block, which may be never.
            killed = self._hold_engine().command(
                f"KILL QUERY WHERE Settings['log_comment'] = {quote_text(query_id)} ASYNC"
            )
        return bool(killed)

    def _hold_engine(self) -> _Connection:
        """The connection that stays open: with its last one the engine ends, and what it has in memory."""
        if self._control is None:
            self._control = _Connection(connect(self._path))
            if self._path == MEMORY:
                self._control.command(EXAMPLE_VIEW)
        return self._control


class EmbeddedResult:
    """A streaming result. chdb hands it over in blocks, each a complete Arrow stream of its own."""

    def __init__(
        self, engine: EmbeddedEngine, connection: _Connection, statement: Statement, context: CallContext
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._query_id = statement.query_id
        self._context = context
        self._lock = threading.Lock()  # guards whether the result is open
        self._open = True
        self._source = connection.stream(statement)
        first = next(self._source, None)
        if first is None:
            raise QueryError("Leave FORMAT out of the query: results are returned as Arrow.")
        self._first = first
        self.schema: pa.Schema = first.schema

    @property
    def time_zone(self) -> str:
        return self._connection.time_zone

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._first.to_batches()
        for table in self._source:
            self._context.check()
            yield from table.to_batches()

    def cancel(self) -> None:
        with self._lock:
            if self._open:
                self._engine.kill(self._query_id, has_begun=True)

    def close(self) -> None:
        with self._lock:
            if not self._open:
                return
            self._open = False
        self._source.close()
        self._engine._give_back(self._connection)


class _Connection:
    """One chdb connection: it runs one query at a time and keeps `SET` settings."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.time_zone = ""
        self.read_only = False
        self._is_read_only = False
        #: Not to be used again: a failed query may leave output behind, SET and USE what they set.
        self.spoilt = False

    def begin(self, query_id: str, context: CallContext) -> None:
        """Mark the queries that follow with `query_id`, by which they can be killed."""
        self.command(f"SET log_comment = {quote_text(query_id)}")
        if self.read_only and not self._is_read_only:
            # 2: changes are refused, settings are not. Cannot be taken back, so it comes last.
            self.command("SET readonly = 2")
            self._is_read_only = True
        self._connection.set_progress_callback(
            lambda progress: context.report_progress(
                rows=progress["read_rows"],
                bytes=progress["read_bytes"],
                total_rows=progress["total_rows_to_read"],
            )
        )

    def end(self) -> None:
        self._connection.set_progress_callback(None)

    def command(self, sql: str) -> str:
        return self.whole(Statement(sql), "TabSeparated").decode()

    def stream(self, statement: Statement) -> Generator[pa.Table, None, None]:
        """Tables of one schema, at least one. Close the generator to end the query early."""
        parameters = dict(statement.parameters)
        try:
            running = self._connection.send_query(statement.sql, "ArrowStream", params=parameters)
        except RuntimeError as error:
            if "Streaming query is not supported" not in str(error):
                raise server_error(str(error)) from error
            # SHOW, DESCRIBE, EXPLAIN and the like: small, so they come in one piece.
            yield _read_block(self.whole(statement, "ArrowStream"))
            return
        finished = False
        try:
            while True:
                try:
                    block = self._connection.streaming_fetch_result(running)
                except RuntimeError as error:
                    finished = self.spoilt = True
                    raise server_error(str(error)) from error
                if block is None or block.size() == 0:
                    finished = True
                    return
                yield _read_block(block.bytes())
                if block.rows_read() == 0:
                    finished = True
                    return
        finally:
            if not finished:
                self._connection.streaming_cancel_query(running)

    def close(self) -> None:
        disconnect(self._connection)

    def whole(self, statement: Statement, output_format: str) -> bytes:
        try:
            result = self._connection.query(statement.sql, output_format, params=dict(statement.parameters))
        except RuntimeError as error:
            self.spoilt = True
            raise server_error(str(error)) from error
        whole: bytes = result.bytes()
        return whole


def _read_block(block: bytes) -> pa.Table:
    if not block.startswith(_STREAM_MARK):
        if not block:
            return pa.table({})
        raise QueryError("Leave FORMAT out of the query: results are returned as Arrow.")
    try:
        return pa.ipc.open_stream(block).read_all()
    except pa.ArrowInvalid as error:
        refusal = refused_by_arrow(error)
        if refusal is None:
            raise
        raise refusal from error
