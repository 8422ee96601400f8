"""One result read over several connections, each with its share of the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import attrs
import pyarrow as pa

from headwater.calls import CallContext
from headwater.errors import DownstreamProtocolError
from headwater.frames import Notice
from headwater.sdk import PrefetchQueue

from .dialect import quote_name
from .engine import ArrowResult, Engine, Statement, only_row

#: Batches that each connection may have ready before the reader takes them.
_AHEAD = 2

_INTEGER = re.compile(r"-?\d{1,80}")
NOTICE = Notice.info(
    "Read over several connections: rows arrive in no order, and rows written meanwhile may be seen by some "
    "connections only."
)


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
    low, high, type_ = only_row(engine.rows(probe, context), "low", "high", "type")
    is_integer = type_.removeprefix("Nullable(").startswith(("Int", "UInt"))
    bounds = (int(low), int(high)) if is_integer and _INTEGER.fullmatch(low) else None
    return PartitionedResult(engine, divide(statement, column, count, bounds), context)


class PartitionedResult:
    """Several results as one."""

    def __init__(self, engine: Engine, parts: list[Statement], context: CallContext) -> None:
        self._results: list[ArrowResult] = []
        try:
            for part in parts:
                self._results.append(engine.run(part, context))
            first = self._results[0]
            if any(result.schema != first.schema for result in self._results):
                raise DownstreamProtocolError("The partitions have different columns. Did the table change?")
        except BaseException:
            self.close()
            raise
        self.schema: pa.Schema = first.schema
        self.time_zone = first.time_zone

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches in the order in which they arrive. Raises the first error of any partition."""
        ahead = _AHEAD * len(self._results)
        with PrefetchQueue(
            self._results, ahead=ahead, interrupt=self.cancel, name="clickhouse-part"
        ) as queue:
            yield from queue

    def cancel(self) -> None:
        for result in self._results:
            result.cancel()

    def close(self) -> None:
        for result in self._results:
            result.close()
