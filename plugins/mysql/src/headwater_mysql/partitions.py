"""One result read over several connections: each reads a range of an integer column."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial

import pyarrow as pa

from headwater.errors import DownstreamProtocolError, QueryError
from headwater.frames import Notice
from headwater.sdk import CallContext, PrefetchQueue
from headwater.sdk.sql import even_cuts, range_conditions, without_semicolon
from headwater_mysql.dialect import quoted
from headwater_mysql.execution import Execution
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType
from headwater_mysql.protocol.statements import Parameter

_BATCHES_AHEAD = 2
"""Batches that each connection may have ready before the consumer takes them."""

_NOTICE = Notice.info(
    "Read over several connections: rows arrive in no order, and changes made meanwhile may be seen by some "
    "connections only."
)

MOST_PARTS_OF_YEARS = 19
"""The server takes a number below 100 that a YEAR is compared with for its last two digits. Between the year
0 and one since 1901, so many even ranges meet at none of those."""

NewExecution = Callable[[CallContext], Execution]


def divide(sql: str, column: str, low: int, high: int, count: int) -> list[str]:
    """At most `count` statements that together return every row of `sql` once.

    The statement becomes a derived table, so that any SELECT can be divided; servers merge a plain one and
    use the column's index.
    """
    derived = _derived(sql)
    return [
        f"SELECT * FROM {derived} WHERE {condition or 'TRUE'}"  # noqa: S608
        for condition in range_conditions(f"p.{quoted(column)}", even_cuts(low, high, count))
    ]


class PartitionedRead:
    """Connections that read at the same time, their batches handed to one consumer in the order they come."""

    notices: tuple[Notice, ...] = (_NOTICE,)

    def __init__(
        self,
        new_execution: NewExecution,
        context: CallContext,
        ranges: Sequence[str],
        parameters: Sequence[Parameter],
        sql_mode: str | None = None,
    ) -> None:
        self._new_execution = new_execution
        self._parameters = parameters
        self._sql_mode = sql_mode
        self._context = context.child()
        self._prefetch = PrefetchQueue(
            [self._read(number, sql) for number, sql in enumerate(ranges)],
            ahead=_BATCHES_AHEAD * len(ranges),
            interrupt=partial(self._context.cancel, "the partitioned read was closed"),
            name="headwater-mysql-read",
        )
        self._lock = threading.Lock()  # guards _zero_dates, which the reading threads write
        self._zero_dates: dict[int, int] = {}
        self._first: Execution | None = None

    @classmethod
    def start(
        cls,
        first: Execution,
        new_execution: NewExecution,
        context: CallContext,
        sql: str,
        parameters: Sequence[Parameter],
        column: str,
        count: int,
    ) -> PartitionedRead:
        """Find the column's range with `first`, divide it by `count`, begin to read.

        The first range is begun in the calling thread, which tells the columns. Raises errors of
        `headwater.errors`.
        """
        sql_mode = first.sql_mode
        sql = without_semicolon(sql, first.dialect)
        low, high = _bounds(first, sql, parameters, column)
        if first.columns[0].type == ColumnType.YEAR:
            count = min(count, MOST_PARTS_OF_YEARS)
        ranges = divide(sql, column, low, high, count)
        read = cls(new_execution, context, ranges, parameters, sql_mode)
        try:
            read._first = new_execution(read._context)
            read._first.start(ranges[0], parameters, sql_mode=sql_mode)
            read._prefetch.start()
        except BaseException:
            read.close()
            raise
        return read

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._started.columns

    @property
    def schema(self) -> pa.Schema:
        return self._started.schema

    @property
    def zero_dates(self) -> int:
        with self._lock:
            return sum(self._zero_dates.values())

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Every connection's batches. Raises the first error of any of them."""
        try:
            yield from self._prefetch
        finally:
            self.close()

    def cancel(self) -> None:
        """End all statements, at the server too. From any thread."""
        self._prefetch.stop()
        self._context.cancel()

    def close(self) -> None:
        """End what is still running and wait for the threads. Any number of times."""
        self._prefetch.close()
        if self._first is not None:
            self._first.close()
        self._context.close()

    @property
    def _started(self) -> Execution:
        assert self._first is not None
        return self._first

    def _read(self, number: int, sql: str) -> Generator[pa.RecordBatch, None, None]:
        execution = self._started if number == 0 else self._begin(sql)
        with closing(execution.batches()) as batches:
            for batch in batches:
                with self._lock:
                    self._zero_dates[number] = execution.zero_dates
                yield batch

    def _begin(self, sql: str) -> Execution:
        execution = self._new_execution(self._context)
        execution.start(sql, self._parameters, sql_mode=self._sql_mode)
        if execution.schema != self.schema:
            execution.close()
            raise QueryError("the partitions have different columns")
        return execution


def _bounds(execution: Execution, sql: str, parameters: Sequence[Parameter], column: str) -> tuple[int, int]:
    """The smallest and the largest value of the column; 0 and 0 without any."""
    name = quoted(column)
    bounds = f"SELECT MIN(p.{name}) AS low, MAX(p.{name}) AS high FROM {_derived(sql)}"  # noqa: S608
    execution.start(bounds, parameters)
    records = execution.records()
    if len(records) != 1:
        raise DownstreamProtocolError("the server does not tell the range of the partition column")
    row = records[0]
    if row["low"] is None:
        return 0, 0
    if not isinstance(row["low"], int):
        raise QueryError(f"the partition column {column!r} is not an integer")
    return row["low"], row["high"]


def _derived(sql: str) -> str:
    """The line breaks keep a comment at the statement's end from swallowing the bracket."""
    return f"(\n{sql}\n) AS p"
