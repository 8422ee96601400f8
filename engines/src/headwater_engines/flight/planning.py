"""From commands to statements, and from statements to endpoints with tickets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
from pyarrow import flight

from headwater import Headwater

from .access import Call
from .errors import refused
from .messages import message, pack
from .statements import Statement, check_unchanged, plan
from .tickets import TicketSealer

_READ: Final = "read"
_PREPARED: Final = "prepared"
_MOST_PARAMETER_BYTES: Final = 64 * 1024


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
            return self._opened(call, _PREPARED, command.prepared_statement_handle)
        raise refused(f"Data sources are read only: {name} is not taken.")

    def flight_info(
        self, call: Call, statement: Statement, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        """Where and until when the rows can be read. Their schema comes with them: to know it before would
        mean to run the query twice."""
        ticket = self._sealed(call, _READ, statement, self._ticket_seconds)
        until = datetime.now(UTC) + timedelta(seconds=self._ticket_seconds)
        endpoint = flight.FlightEndpoint(
            pack(message("TicketStatementQuery", statement_handle=ticket)),
            list(self._locations),
            pa.scalar(until, pa.timestamp("ns", "UTC")),
        )
        return flight.FlightInfo(None, descriptor, [endpoint], ordered=True)

    def prepared(self, call: Call, text: str, options: Mapping[str, str]) -> bytes:
        """A handle of the statement, which holds it."""
        return self._sealed(
            call, _PREPARED, plan(self._headwater, call, text, options), self._prepared_seconds
        )

    def bound(self, call: Call, handle: bytes, reader: flight.MetadataRecordBatchReader) -> bytes:
        """A handle of the statement with the parameters that `reader` brings."""
        statement = self._opened(call, _PREPARED, handle)
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

    def opened(self, call: Call, handle: bytes) -> Statement:
        """The statement of a ticket. Raises QueryRequestError for one that is expired, forged, another
        caller's, or for a data source that has changed since."""
        statement = self._opened(call, _READ, handle)
        check_unchanged(self._headwater, call, statement)
        return statement

    def _sealed(self, call: Call, kind: str, statement: Statement, seconds: float) -> bytes:
        return self._sealer.seal(kind, {"by": call.caller_id, **statement.to_json()}, seconds)

    def _opened(self, call: Call, kind: str, handle: bytes) -> Statement:
        content = self._sealer.open(kind, handle)
        if content["by"] != call.caller_id:
            raise refused("The ticket was made for another caller.", "flight.ticketCaller")
        return Statement.from_json(content)


def _next(reader: flight.MetadataRecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_chunk().data
    except StopIteration:
        return None
