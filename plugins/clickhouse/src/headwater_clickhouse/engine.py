"""What the data source asks of an engine, be it a server or embedded."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pyarrow as pa
from attrs import field, frozen

from headwater.calls import CallContext
from headwater.errors import DownstreamProtocolError

#: A text format that begins with a line of names and a line of types.
TYPED_FORMAT = "JSONCompactEachRowWithNamesAndTypes"


def read_rows(body: bytes) -> list[dict[str, Any]]:
    """Rows in ClickHouse's format JSONEachRow. Raises DownstreamProtocolError for anything else."""
    try:
        # A name may be bytes that are no text.
        rows = [json.loads(line) for line in body.decode("utf-8", "replace").split("\n") if line]
    except (ValueError, RecursionError) as error:
        raise DownstreamProtocolError("The server does not answer with rows of JSON.") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DownstreamProtocolError("The server does not answer with rows of JSON.")
    return rows


def read_types(text: bytes) -> list[str]:
    """The types of a result in `TYPED_FORMAT`. Raises DownstreamProtocolError if they are not there."""
    try:
        types = json.loads(text.split(b"\n", 2)[1].decode("utf-8", "replace"))
    except (ValueError, IndexError, RecursionError) as error:
        raise DownstreamProtocolError(
            "The server does not tell the types of the answer's columns."
        ) from error
    return [str(each) for each in types]


def only_row(rows: list[dict[str, Any]], *columns: str) -> list[str]:
    """The values of `columns` in an answer of one row. Raises DownstreamProtocolError for another one."""
    if len(rows) != 1 or any(name not in rows[0] for name in columns):
        raise DownstreamProtocolError(
            f"The server does not answer with {', '.join(columns)}, as it was asked to."
        )
    return [str(rows[0][name]) for name in columns]


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

    def column_types(self, statement: Statement, context: CallContext) -> list[str]:
        """The declared types of a result's columns, in order. Runs the statement."""

    def health_details(self) -> dict[str, str]:
        """What an administrator should know of a working connection."""

    def close(self) -> None: ...
