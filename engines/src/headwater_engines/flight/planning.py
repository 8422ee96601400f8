"""From commands to statements, and from statements to endpoints with tickets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
from pyarrow import flight

from headwater import Headwater
from headwater.errors import ValidationError
from headwater.queries import ReadTask

from .access import Call
from .errors import refused
from .messages import message, pack
from .sessions import HEADER_PREFIX
from .statements import Statement, check_unchanged, find_source, plan
from .tickets import TicketSealer

_READ: Final = "read"
_PREPARED: Final = "prepared"
_MOST_PARAMETER_BYTES: Final = 64 * 1024
_MOST_PARTITIONS: Final = 1000
_NOT_OF_THE_QUERY: Final = {"refId", "datasource", "maxDataPoints", "intervalMs"}
"""Keys of a request's query that are no keys of the plugin's."""


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

    def statement(self, call: Call, name: str, command: Any, options: Mapping[str, str]) -> Statement:
        """What a command asks for. Raises the errors of a query that cannot be taken."""
        if name == "path":
            return plan(self._headwater, call, command[1], {**options, "catalog": command[0]})
        if name == "CommandStatementQuery":
            return plan(self._headwater, call, command.query, options)
        if name == "CommandPreparedStatementQuery":
            return self._opened(call, command.prepared_statement_handle)
        raise refused(f"Data sources are read only: {name} is not taken.")

    def flight_info(
        self,
        call: Call,
        statement: Statement,
        descriptor: flight.FlightDescriptor,
        options: Mapping[str, str],
    ) -> flight.FlightInfo:
        """Where and until when the rows can be read: in one piece, or in about as many as the connection asks
        for, as far as the plugin can divide the query.

        The schema of one piece comes with its rows: to know it before would mean to run the query twice.
        """
        target = _partitions(options)
        if target == 1:
            ticket = self._sealed(call, _READ, statement, self._ticket_seconds)
            return flight.FlightInfo(None, descriptor, [self._endpoint(ticket)], ordered=True)
        call.note("datasources:query", statement.uid, statement.query)
        query = statement.metric_query().query
        tasks = self._headwater.read_tasks(
            statement.uid,
            {name: value for name, value in query.json.items() if name not in _NOT_OF_THE_QUERY},
            target=target,
            time_range=query.time_range,
            max_data_points=query.max_data_points,
            interval_ms=query.interval_ms,
            context=call.context,
        )
        return flight.FlightInfo(
            tasks.schema,
            descriptor,
            [self._task_endpoint(call, task) for task in tasks],
            -1 if tasks.estimated_rows is None else tasks.estimated_rows,
            -1 if tasks.estimated_bytes is None else tasks.estimated_bytes,
            app_metadata=json.dumps({"consistency": tasks.consistency, "notices": tasks.notices}),
        )

    def _task_endpoint(self, call: Call, task: ReadTask) -> flight.FlightEndpoint:
        content = {"by": call.caller_id, "task": base64.b64encode(task.to_bytes()).decode()}
        return self._endpoint(self._sealer.seal(_READ, content, self._ticket_seconds), task.number)

    def _endpoint(self, ticket: bytes, number: int = 0) -> flight.FlightEndpoint:
        """Endpoints begin with another location each, so that clients spread over the hosts."""
        first = number % (len(self._locations) or 1)
        until = datetime.now(UTC) + timedelta(seconds=self._ticket_seconds)
        return flight.FlightEndpoint(
            pack(message("TicketStatementQuery", statement_handle=ticket)),
            [*self._locations[first:], *self._locations[:first]],
            pa.scalar(until, pa.timestamp("ns", "UTC")),
        )

    def prepared(self, call: Call, text: str, options: Mapping[str, str]) -> bytes:
        """A handle of the statement, which holds it."""
        return self._sealed(
            call, _PREPARED, plan(self._headwater, call, text, options), self._prepared_seconds
        )

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
        return self._sealed(call, _PREPARED, statement.with_parameters(rows[0]), self._prepared_seconds)

    def opened(self, call: Call, ticket: bytes) -> Statement | ReadTask:
        """What a ticket asks for. Raises QueryRequestError for one that is expired, forged or another
        caller's; ReadTaskError for a data source that has changed since."""
        content = self._content(call, _READ, ticket)
        if "task" in content:
            task = ReadTask.from_bytes(base64.b64decode(content["task"]))
            find_source(self._headwater, call, task.data_source)
            return task
        statement = Statement.from_json(content)
        check_unchanged(self._headwater, call, statement)
        return statement

    def _sealed(self, call: Call, kind: str, statement: Statement, seconds: float) -> bytes:
        return self._sealer.seal(kind, {"by": call.caller_id, **statement.to_json()}, seconds)

    def _opened(self, call: Call, handle: bytes) -> Statement:
        return Statement.from_json(self._content(call, _PREPARED, handle))

    def _content(self, call: Call, kind: str, ticket: bytes) -> dict[str, Any]:
        content = self._sealer.open(kind, ticket)
        if content["by"] != call.caller_id:
            raise refused("The ticket was made for another caller.", "flight.ticketCaller")
        return content


def _partitions(options: Mapping[str, str]) -> int:
    text = options.get("partitions", "1")
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_PARTITIONS:
        raise ValidationError(f"expected 1 to {_MOST_PARTITIONS}", path=f"{HEADER_PREFIX}partitions")
    return int(text)


def _next(reader: flight.MetadataRecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_chunk().data
    except StopIteration:
        return None
