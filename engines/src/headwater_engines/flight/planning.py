"""From commands to statements, and from statements to endpoints with tickets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pyarrow as pa
from pyarrow import flight

from headwater import Headwater
from headwater.errors import ValidationError
from headwater.models import Consistency
from headwater.queries import ReadTask

from .access import Call
from .errors import refused
from .messages import message, pack
from .named import NAMED_QUERY, NamedStatement, find_run, parameter_schema, pinned
from .sessions import HEADER_PREFIX
from .statements import Statement, check_unchanged, find_source, plan, row_of
from .tickets import TicketSealer

_READ: Final = "read"
_PREPARED: Final = "prepared"
_MOST_PARAMETER_BYTES: Final = 64 * 1024
_MOST_PARTITIONS: Final = 1000
_NOT_OF_THE_QUERY: Final = {"refId", "datasource", "maxDataPoints", "intervalMs"}
"""Keys of a request's query that are no keys of the plugin's."""
_OTHER_PARAMETERS: Final = (
    "Only parameters that are texts, numbers, booleans and null travel with parts: the query is in one."
)
AnyStatement: TypeAlias = Statement | NamedStatement


class Planner:
    """Tickets are good for whoever asked for them, and read by any host that has the keys."""

    def __init__(
        self,
        headwater: Headwater,
        sealer: TicketSealer,
        locations: tuple[str, ...],
        ticket_seconds: float,
        prepared_seconds: float,
    ) -> None:
        self._headwater = headwater
        self._sealer = sealer
        self._locations = locations
        self._ticket_seconds = ticket_seconds
        self._prepared_seconds = prepared_seconds

    def statement(self, call: Call, name: str, command: Any, options: Mapping[str, str]) -> AnyStatement:
        """What a command asks for. Raises the errors of a query that cannot be taken."""
        if name == "path":
            return self.planned(call, command[1], {**options, "catalog": command[0]})
        if name == "CommandStatementQuery":
            return self.planned(call, command.query, options)
        if name == "CommandPreparedStatementQuery":
            statement = self._opened(call, command.prepared_statement_handle)
            if isinstance(statement, Statement):  # planning it anew reads from the data source
                find_source(self._headwater, call, statement.uid)
            return statement
        raise refused(f"Data sources are read only: {name} is not taken.")

    def flight_info(
        self,
        call: Call,
        statement: AnyStatement,
        descriptor: flight.FlightDescriptor,
        options: Mapping[str, str],
    ) -> flight.FlightInfo:
        """Where and until when the rows can be read: in one piece, or in about as many as the connection asks
        for, as far as the plugin can divide the query.

        The schema of one piece comes with its rows: to know it before would mean to run the query twice.
        """
        target = _partitions(options)
        statement = pinned(call, statement) if isinstance(statement, NamedStatement) else statement.pinned()
        # A named query is in one piece: its limits are of all rows together.
        if target == 1 or isinstance(statement, NamedStatement):
            return self._whole(call, statement, descriptor)
        call.note("datasources:query", statement.uid, statement.query)
        query = statement.metric_query().query
        if not _is_json(query.json):
            return self._whole(call, statement, descriptor, Consistency.STATEMENT, _OTHER_PARAMETERS)
        tasks = self._headwater.read_tasks(
            statement.uid,
            {name: value for name, value in query.json.items() if name not in _NOT_OF_THE_QUERY},
            target=target,
            time_range=query.time_range,
            max_data_points=query.max_data_points,
            interval_ms=query.interval_ms,
            context=call.context,
        )
        if len(tasks) == 1:  # whatever frames its answer has
            return self._whole(call, statement, descriptor, tasks.consistency, *tasks.notices)
        return flight.FlightInfo(
            tasks.schema,
            descriptor,
            [self._task_endpoint(call, task) for task in tasks],
            -1 if tasks.estimated_rows is None else tasks.estimated_rows,
            -1 if tasks.estimated_bytes is None else tasks.estimated_bytes,
            app_metadata=_app_metadata(tasks.consistency, tasks.notices),
        )

    def _whole(
        self,
        call: Call,
        statement: AnyStatement,
        descriptor: flight.FlightDescriptor,
        consistency: Consistency | None = None,
        *notices: str,
    ) -> flight.FlightInfo:
        """One endpoint for all rows. `consistency` and `notices` for who asked for several."""
        ticket = self._sealed(call, _READ, statement, self._ticket_seconds)
        metadata = b"" if consistency is None else _app_metadata(consistency, notices)
        endpoint = self._endpoint(ticket, self._locations)
        return flight.FlightInfo(None, descriptor, [endpoint], ordered=True, app_metadata=metadata)

    def _task_endpoint(self, call: Call, task: ReadTask) -> flight.FlightEndpoint:
        content = {"by": call.caller_id, "task": base64.b64encode(task.to_bytes()).decode()}
        first = task.number % (len(self._locations) or 1)
        locations = [*self._locations[first:], *self._locations[:first]]  # so that clients spread over them
        return self._endpoint(self._sealer.seal(_READ, content, self._ticket_seconds), locations)

    def renewed(self, call: Call, ticket: bytes, locations: Sequence[Any]) -> flight.FlightEndpoint:
        """An endpoint for the same rows, from now on as long as a new one. Raises QueryRequestError for a
        ticket that has expired."""
        content = self._content(call, _READ, ticket)
        return self._endpoint(self._sealer.seal(_READ, content, self._ticket_seconds), locations)

    def _endpoint(self, ticket: bytes, locations: Sequence[Any]) -> flight.FlightEndpoint:
        until = datetime.now(UTC) + timedelta(seconds=self._ticket_seconds)
        return flight.FlightEndpoint(
            pack(message("TicketStatementQuery", statement_handle=ticket)),
            list(locations),
            pa.scalar(until, pa.timestamp("ns", "UTC")),
        )

    def planned(self, call: Call, text: str, options: Mapping[str, str]) -> AnyStatement:
        """The statement of a text. Raises the errors of requests over HTTP."""
        return plan(self._headwater, call, text, options)

    def prepared(self, call: Call, statement: AnyStatement) -> tuple[bytes, pa.Schema | None]:
        """A handle of the statement, which holds it, and what it takes as parameters if that is known."""
        handle = self._sealed(call, _PREPARED, statement, self._prepared_seconds)
        if isinstance(statement, NamedStatement):
            return handle, parameter_schema(find_run(call, statement).named)
        return handle, None

    def bound(self, call: Call, handle: bytes, reader: flight.MetadataRecordBatchReader) -> bytes:
        """A handle of the statement with the parameters that `reader` brings."""
        statement = self._opened(call, handle)
        batches = []
        while (chunk := _next(reader)) is not None:
            batches.append(chunk)
            if sum(each.nbytes for each in batches) > _MOST_PARAMETER_BYTES:
                raise refused(
                    f"Parameters take at most {_MOST_PARAMETER_BYTES:,} bytes.", "flight.parameters"
                )
        rows = pa.Table.from_batches(batches, reader.schema).combine_chunks().to_batches()
        if not rows:
            raise refused("No parameters were given.", "flight.parameters")
        if rows[0].num_rows != 1:
            raise refused(
                f"A query takes one row of parameters, not {rows[0].num_rows}: run it once for each row.",
                "flight.parameters",
            )
        bound: AnyStatement
        if isinstance(statement, NamedStatement):
            bound = statement.with_parameters(find_run(call, statement).named, row_of(rows[0]))
        else:
            bound = statement.with_parameters(rows[0])
        return self._sealed(call, _PREPARED, bound, self._prepared_seconds)

    def opened(self, call: Call, ticket: bytes) -> AnyStatement | ReadTask:
        """What a ticket asks for. Raises QueryRequestError for one that is expired, forged or another
        caller's; ReadTaskError for a data source or a named query that has changed since."""
        content = self._content(call, _READ, ticket)
        if "task" in content:
            task = ReadTask.from_bytes(base64.b64decode(content["task"]))
            find_source(self._headwater, call, task.data_source)
            return task
        statement = _statement_of(content)
        if isinstance(statement, Statement):
            check_unchanged(self._headwater, call, statement)
        return statement

    def _sealed(self, call: Call, kind: str, statement: AnyStatement, seconds: float) -> bytes:
        return self._sealer.seal(kind, {"by": call.caller_id, **statement.to_json()}, seconds)

    def _opened(self, call: Call, handle: bytes) -> AnyStatement:
        return _statement_of(self._content(call, _PREPARED, handle))

    def _content(self, call: Call, kind: str, ticket: bytes) -> dict[str, Any]:
        content = self._sealer.open(kind, ticket)
        if content["by"] != call.caller_id:
            raise refused("The ticket was made for another caller.", "flight.ticketCaller")
        return content


def _statement_of(content: Mapping[str, Any]) -> AnyStatement:
    return NamedStatement.from_json(content) if NAMED_QUERY in content else Statement.from_json(content)


def _app_metadata(consistency: Consistency, notices: Sequence[str]) -> bytes:
    return json.dumps({"consistency": consistency, "notices": notices}).encode()


def _is_json(values: Mapping[str, Any]) -> bool:
    try:
        json.dumps(values)
    except (TypeError, ValueError):
        return False
    return True


def _partitions(options: Mapping[str, str]) -> int:
    text = options.get("partitions", "1")
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= _MOST_PARTITIONS:
        raise ValidationError(f"expected 1 to {_MOST_PARTITIONS}", path=f"{HEADER_PREFIX}partitions")
    return int(text)


def _next(reader: flight.MetadataRecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_chunk().data
    except StopIteration:
        return None
