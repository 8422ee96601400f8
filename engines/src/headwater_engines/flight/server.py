"""`FlightServer`: every data source of a host, to any client of Arrow Flight SQL."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import pyarrow as pa
from attrs import field, frozen
from pyarrow import flight

from headwater.errors import HeadwaterError, describe
from headwater.logs import get_logger

from .access import Access, Call
from .actions import ACTIONS, Actions
from .catalog import Catalog
from .errors import flight_error, flight_errors_only, refused
from .headers import CallHeaders, CallHeadersFactory, OpenHandshake
from .messages import message, pack, unpack
from .metadata import ANSWERS, answer_schema
from .planning import Planner
from .reading import Reads
from .sessions import options_of
from .tickets import TicketSealer

R = TypeVar("R")
_HEADERS: Final = "headers"
_LOOK_SECONDS: Final = 0.1
_STALLED_SECONDS: Final = 2.0


@frozen(kw_only=True)
class FlightOptions:
    """Times are seconds. `locations`: addresses, such as grpc+tls://data-2:8815, of the hosts that may read
    tickets of this one; without any a client reads where it asked."""

    host: str = "127.0.0.1"
    port: int = 0
    tls_certificate: bytes = b""
    tls_key: bytes = field(default=b"", repr=False)
    locations: tuple[str, ...] = ()
    ticket_seconds: float = 900.0
    prepared_seconds: float = 12 * 3600.0


class FlightServer(flight.FlightServerBase):  # type: ignore[misc]
    """Serves from when it is made until `close`. Raises OSError if it cannot listen.

    Handlers run in threads of Flight's, one for each call.
    """

    def __init__(self, access: Access, options: FlightOptions | None = None) -> None:
        options = options or FlightOptions()
        self._access = access
        sealer = TicketSealer(access.headwater.data_sources.cipher)
        self._planner = Planner(
            access.headwater, sealer, options.locations, options.ticket_seconds, options.prepared_seconds
        )
        self._reads = Reads(access)
        self._actions = Actions(self._planner, self._reads)
        scheme = "grpc+tls" if options.tls_certificate else "grpc"
        host = f"[{options.host}]" if ":" in options.host else options.host
        super().__init__(
            f"{scheme}://{host}:{options.port}",
            auth_handler=OpenHandshake(),
            tls_certificates=[(options.tls_certificate, options.tls_key)]
            if options.tls_certificate
            else None,
            middleware={_HEADERS: CallHeadersFactory(access.check, sealer)},
        )

    def close(self) -> None:
        """Take no more calls; wait for those that run, whose contexts the host ends.

        A client that reads nothing blocks Flight's own thread, which cannot be woken: it is left behind.
        """
        stopping = threading.Thread(target=self.shutdown, name="headwater-flight-stop", daemon=True)
        stopping.start()
        while stopping.is_alive() and self._reads.some_may_go_on():
            stopping.join(_LOOK_SECONDS)
        stopping.join(_STALLED_SECONDS)
        if stopping.is_alive():
            log = get_logger("headwater.flight", over=self._access.headwater.logger)
            log.warning("Clients that left their rows unread were cut off.")
            for each in gc.get_referents(self):
                if isinstance(each, weakref.finalize):
                    each.atexit = False  # Flight's own, which would wait for them as the program ends
        self._reads.close()

    @flight_errors_only
    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        def answer(call: Call) -> flight.FlightInfo:
            name, command = _command(descriptor)
            if name in ANSWERS:
                endpoint = flight.FlightEndpoint(pack(command), [])
                return flight.FlightInfo(answer_schema(name, command), descriptor, [endpoint])
            options = self._options(context)
            statement = self._planner.statement(call, name, command, options)
            return self._planner.flight_info(call, statement, descriptor, options)

        return self._call("flight:GetFlightInfo", context, answer)

    @flight_errors_only
    def get_schema(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.SchemaResult:
        def answer(call: Call) -> flight.SchemaResult:
            name, command = _command(descriptor)
            if name in ANSWERS:
                return flight.SchemaResult(answer_schema(name, command))
            statement = self._planner.statement(call, name, command, self._options(context))
            return flight.SchemaResult(self._reads.schema(call, statement))

        return self._call("flight:GetSchema", context, answer)

    @flight_errors_only
    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        name, command = unpack(ticket.ticket)
        if name == "TicketStatementQuery":
            call = self._open("flight:DoGet", context, streams=True)
            handle = command.statement_handle
            return self._reads.stream(context, call, handle, lambda: self._planner.opened(call, handle))
        if name not in ANSWERS:
            raise refused(f"{name} is no ticket.")

        def answer(call: Call) -> flight.FlightDataStream:
            table = ANSWERS[name][1](Catalog(self._access.headwater, call), command)
            return flight.RecordBatchStream(table)

        return self._call("flight:DoGet", context, answer)

    @flight_errors_only
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        """Takes the parameters of a prepared statement; their handle comes back."""

        def answer(call: Call) -> None:
            name, command = _command(descriptor)
            if name != "CommandPreparedStatementQuery":
                raise refused("Data sources are read only: the server takes no data and no updates.")
            handle = self._planner.bound(call, command.prepared_statement_handle, reader)
            result = message("DoPutPreparedStatementResult", prepared_statement_handle=handle)
            writer.write(pa.py_buffer(result.SerializeToString()))

        self._call("flight:DoPut", context, answer)

    @flight_errors_only
    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Sequence[flight.Result]:
        def answer(call: Call) -> Sequence[flight.Result]:
            body = action.body.to_pybytes() if action.body is not None else b""
            results = self._actions.do(call, action.type, body, self._options(context))
            return [flight.Result(pa.py_buffer(each)) for each in results]

        return self._call(f"flight:{action.type if action.type in ACTIONS else 'DoAction'}", context, answer)

    @flight_errors_only
    def list_actions(self, context: flight.ServerCallContext) -> Iterable[tuple[str, str]]:
        return self._call("flight:ListActions", context, lambda _call: list(ACTIONS.items()))

    @flight_errors_only
    def list_flights(self, context: flight.ServerCallContext, criteria: bytes) -> Any:
        del context, criteria
        raise refused("There are no flights to list: ask for one with a command of Flight SQL.")

    @flight_errors_only
    def do_exchange(
        self, context: flight.ServerCallContext, descriptor: Any, reader: Any, writer: Any
    ) -> None:
        del context, descriptor, reader, writer
        raise refused("The server takes no data.")

    def _call(self, method: str, context: flight.ServerCallContext, answer: Callable[[Call], R]) -> R:
        """What `answer` returns, within a call that is ended behind it."""
        call = self._open(method, context, streams=False)
        try:
            with self._reads.watch.over(context, call.context):
                result = answer(call)
        except BaseException as error:
            call.end(describe(error) if isinstance(error, Exception) else HeadwaterError("Ended."))
            raise flight_error(error) from None
        call.end()
        return result

    def _open(self, method: str, context: flight.ServerCallContext, *, streams: bool) -> Call:
        return self._access.open(method, self._headers(context).values, context.peer(), streams=streams)

    def _options(self, context: flight.ServerCallContext) -> Mapping[str, str]:
        return options_of(self._headers(context).values)

    def _headers(self, context: flight.ServerCallContext) -> CallHeaders:
        headers = context.get_middleware(_HEADERS)
        assert isinstance(headers, CallHeaders)
        return headers


def _command(descriptor: flight.FlightDescriptor) -> tuple[str, Any]:
    """The command of a descriptor. A path of two is a data source and a query, for clients without SQL."""
    if descriptor.descriptor_type == flight.DescriptorType.PATH:
        path = [part.decode("utf-8", "replace") for part in descriptor.path]
        if len(path) != 2:
            raise refused("A path names a data source and a query.", "flight.path")
        return "path", path
    return unpack(descriptor.command)
