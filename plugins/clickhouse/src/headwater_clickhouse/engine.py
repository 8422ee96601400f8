"""What the data source asks of an engine, be it a server or embedded."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pyarrow as pa
from attrs import field, frozen

from headwater.calls import CallContext


def _new_id() -> str:
    return f"headwater-{uuid.uuid4()}"


@frozen
class Statement:
    """One statement. `parameters` are in ClickHouse's escaped text form, see `parameters.py`."""

    sql: str
    parameters: Mapping[str, str] = field(factory=dict)
    query_id: str = field(factory=_new_id)


class ArrowResult(Protocol):
    """A running query: batches as the engine sends them.

    Iterating raises typed errors, also for a result that ends before its end. `cancel` stops the query at
    the engine, from any thread; `close` frees the connection, and stops the query if it still runs.
    """

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def time_zone(self) -> str:
        """The zone of columns that do not name one."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class Engine(Protocol):
    """Runs statements. Thread-safe."""

    @property
    def kind(self) -> str:
        """`server` or `embedded`, for people."""

    def run(self, statement: Statement, context: CallContext) -> ArrowResult:
        """Start a query; return when its schema is known."""

    def rows(self, statement: Statement, context: CallContext) -> list[dict[str, Any]]:
        """The whole of a small result, as JSON values by column name."""

    def health_details(self) -> dict[str, str]:
        """What an administrator should know of a working connection."""

    def close(self) -> None: ...
