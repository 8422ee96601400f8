"""One result read over several connections, each with its share of the rows."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import attrs
import pyarrow as pa

from headwater.context import CallContext
from headwater.errors import DownstreamProtocolError
from headwater.frames import Notice

from .dialect import quote_name
from .engine import ArrowResult, Engine, Statement

#: Batches that each connection may have ready before the reader takes them.
_AHEAD = 2
_POLL_SECONDS = 0.1

NOTICE = Notice.info(
    "Read over several connections: rows arrive in no order, and rows written meanwhile may be seen by some "
    "connections only."
)

_Item: TypeAlias = "pa.RecordBatch | BaseException | None"


def divide(
    statement: Statement, column: str, count: int, bounds: tuple[int, int] | None = None
) -> list[Statement]:
    """At most `count` statements that together return every row of `statement` once.

    With `bounds`, each takes a range of an integer column, so that the primary key can help; the outer ranges
    are open, and nulls belong to the first. Without, rows are dealt out by the hash of the column's value.
    """
    name = quote_name(column)
    if bounds is None:
        conditions = [f"cityHash64(toString({name})) % {count} = {part}" for part in range(count)]
        # The hash of a null is null.
        conditions[0] += f" OR {name} IS NULL"
    else:
        low, high = bounds
        count = max(1, min(count, high - low + 1))
        cuts = [low + (high - low + 1) * part // count for part in range(1, count)]
        conditions = [f"{name} >= {start} AND {name} < {end}" for start, end in pairwise(cuts)]
        if cuts:
            conditions.insert(0, f"{name} < {cuts[0]} OR {name} IS NULL")
            conditions.append(f"{name} >= {cuts[-1]}")
    return [
        Statement(f"SELECT * FROM (\n{statement.sql}\n) WHERE {condition}", statement.parameters)  # noqa: S608
        for condition in conditions or ["1"]
    ]


def read_partitioned(
    engine: Engine, statement: Statement, column: str, count: int, context: CallContext
) -> PartitionedResult:
    """Start `count` reads of `statement`, divided by `column`. Raises errors of `headwater.errors`."""
    name = quote_name(column)
    probe = attrs.evolve(
        statement,
        sql=f"SELECT toString(min({name})) AS low, toString(max({name})) AS high, "  # noqa: S608
        f"any(toTypeName({name})) AS type FROM (\n{statement.sql}\n)",
        query_id=f"{statement.query_id}-bounds",
    )
    (row,) = engine.rows(probe, context)
    is_integer = row["type"].removeprefix("Nullable(").startswith(("Int", "UInt"))
    bounds = (int(row["low"]), int(row["high"])) if is_integer and row["low"] else None
    return PartitionedResult(engine, divide(statement, column, count, bounds), context)


class PartitionedResult:
    """Several results as one. Batches come in the order in which they arrive."""

    def __init__(self, engine: Engine, parts: list[Statement], context: CallContext) -> None:
        self._context = context
        self._ready: queue.Queue[_Item] = queue.Queue(_AHEAD * len(parts))
        self._stopped = threading.Event()
        self._results: list[ArrowResult] = []
        self._threads: list[threading.Thread] = []
        try:
            for part in parts:
                self._results.append(engine.run(part, context))
        except BaseException:
            self.close()
            raise
        first = self._results[0]
        self.schema: pa.Schema = first.schema
        self.time_zone = first.time_zone
        if any(result.schema != self.schema for result in self._results):
            self.close()
            raise DownstreamProtocolError("The partitions have different columns. Did the table change?")

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Raises the first error of any partition."""
        for number, result in enumerate(self._results):
            thread = threading.Thread(
                target=self._read, args=(result,), name=f"clickhouse-part-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        for _ in self._threads:
            while (item := self._ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item

    def cancel(self) -> None:
        self._stopped.set()
        for result in self._results:
            result.cancel()

    def close(self) -> None:
        self._stopped.set()
        if any(thread.is_alive() for thread in self._threads):
            self.cancel()
        for thread in self._threads:
            thread.join()
        for result in self._results:
            result.close()

    def _read(self, result: ArrowResult) -> None:
        try:
            for batch in result:
                if not self._put(batch):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, item: _Item) -> bool:
        """False once nobody reads any more."""
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
