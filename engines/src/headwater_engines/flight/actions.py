"""The actions of Flight SQL: prepared statements, cancellation, sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
from pyarrow import flight

from headwater.errors import HeadwaterError

from .access import Call
from .errors import refused
from .messages import message, pack, parse, unpack
from .named import NamedStatement
from .planning import AnyStatement, Planner
from .reading import Reads
from .sessions import close_session, get_options, set_options, wants_schema

_PLACEHOLDER: Final = re.compile(r"\?|\$\d|(?<![:\w]):[A-Za-z_]|\{\w+\s*:")
"""What some data source or other binds a value to."""
_CANCELLED, _NOT_CANCELLABLE = 1, 3

ACTIONS: Final = {
    "CreatePreparedStatement": "Make a handle of a query.",
    "ClosePreparedStatement": "Give a handle back.",
    "CancelFlightInfo": "End a query that this host reads.",
    "RenewFlightEndpoint": "Prolong the time in which an endpoint can be read.",
    "SetSessionOptions": "Refused: headers of the connection choose the data source and the time range.",
    "GetSessionOptions": "What the headers choose.",
    "CloseSession": "Nothing is kept for a session.",
}


class Actions:
    def __init__(self, planner: Planner, reads: Reads) -> None:
        self._planner = planner
        self._reads = reads

    def do(self, call: Call, kind: str, body: bytes, options: Mapping[str, str]) -> Sequence[bytes]:
        """The results. `options` are the connection's. Raises QueryRequestError for an action that is not
        known."""
        match kind:
            case "CreatePreparedStatement":
                return [self._prepare(call, body, options)]
            case "ClosePreparedStatement":
                return []  # nobody remembers handles
            case "CancelFlightInfo":
                return [self._cancel(call, body)]
            case "RenewFlightEndpoint":
                return [self._renew(call, body)]
            case "SetSessionOptions":
                return [set_options(body)]
            case "GetSessionOptions":
                return [get_options(options)]
            case "CloseSession":
                return [close_session()]
            case _:
                raise refused(f"The server has no action {kind[:80]!r}.", "flight.action")

    def _prepare(self, call: Call, body: bytes, options: Mapping[str, str]) -> bytes:
        name, request = unpack(body)
        if name != "ActionCreatePreparedStatementRequest":
            raise refused("CreatePreparedStatement takes an ActionCreatePreparedStatementRequest.")
        statement = self._planner.planned(call, request.query, options)
        handle, parameters = self._planner.prepared(call, statement)
        result = message(
            "ActionCreatePreparedStatementResult", prepared_statement_handle=handle, is_update=False
        )
        if parameters is not None:
            result.parameter_schema = parameters.serialize().to_pybytes()
        if wants_schema(options) and (columns := self._columns(call, statement, request.query)):
            result.dataset_schema = columns.serialize().to_pybytes()
        return pack(result)

    def _columns(self, call: Call, statement: AnyStatement, text: str) -> pa.Schema | None:
        """Those of the statement's rows, as it is without values; None if it may fail for want of some."""
        try:
            return self._reads.schema(call, statement)
        except HeadwaterError:
            if isinstance(statement, NamedStatement) or _PLACEHOLDER.search(text):
                return None
            raise

    def _renew(self, call: Call, body: bytes) -> bytes:
        request = parse("RenewFlightEndpointRequest", body)
        try:
            endpoint = flight.FlightEndpoint.deserialize(request.endpoint)
        except pa.ArrowException:
            raise refused("RenewFlightEndpoint takes an endpoint of a FlightInfo.") from None
        name, ticket = unpack(endpoint.ticket.ticket)
        if name != "TicketStatementQuery":
            return bytes(request.endpoint)  # the others do not expire
        renewed: bytes = self._planner.renewed(call, ticket.statement_handle, endpoint.locations).serialize()
        return renewed

    def _cancel(self, call: Call, body: bytes) -> bytes:
        request = parse("CancelFlightInfoRequest", body)
        try:
            info = flight.FlightInfo.deserialize(request.info)
        except pa.ArrowException:
            raise refused("CancelFlightInfo takes the FlightInfo of a query.") from None
        handles = []
        for endpoint in info.endpoints:
            name, ticket = unpack(endpoint.ticket.ticket)
            if name == "TicketStatementQuery":
                handles.append(ticket.statement_handle)
        ended = self._reads.cancel(call, handles)
        status = message("CancelFlightInfoResult", status=_CANCELLED if ended else _NOT_CANCELLABLE)
        result: bytes = status.SerializeToString()
        return result
