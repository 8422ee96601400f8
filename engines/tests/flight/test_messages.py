"""The bytes of Flight SQL's messages, and bytes that are none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
from hypothesis import HealthCheck, given, settings, strategies as st
from pyarrow import flight

from headwater.errors import QueryRequestError
from headwater_engines.flight.messages import message, optional, pack, parse, unpack

from .conftest import FlightHost

_URL = b"type.googleapis.com/arrow.flight.protocol.sql."


def test_a_command_has_the_bytes_that_other_implementations_write() -> None:
    command = pack(message("CommandStatementQuery", query="SELECT 1"))

    url = _URL + b"CommandStatementQuery"
    value = b"\x0a\x08SELECT 1"  # field 1, 8 bytes
    assert command == b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(value)]) + value


def test_an_absent_field_is_not_an_empty_one() -> None:
    absent, empty = message("CommandGetTables"), message("CommandGetTables", catalog="")

    assert optional(absent, "catalog") is None
    assert optional(empty, "catalog") == ""
    assert absent.SerializeToString() == b""
    assert empty.SerializeToString() == b"\x0a\x00"


def test_numbers_of_fields_are_those_of_the_protocol() -> None:
    tables = message(
        "CommandGetTables",
        catalog="c",
        db_schema_filter_pattern="s",
        table_name_filter_pattern="t",
        table_types=["VIEW"],
        include_schema=True,
    )

    assert tables.SerializeToString() == b"\x0a\x01c\x12\x01s\x1a\x01t\x22\x04VIEW\x28\x01"


@given(body=st.binary(max_size=200))
def test_bytes_become_a_command_or_are_refused(body: bytes) -> None:
    for read in (unpack, lambda each: parse("CommandGetTables", each)):
        with suppress(QueryRequestError):
            read(body)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        [
            "TicketStatementQuery",
            "CommandPreparedStatementQuery",
            "CommandGetTables",
            "CommandGetSqlInfo",
            "X",
        ]
    ),
    body=st.binary(max_size=60),
)
def test_no_bytes_of_a_caller_bring_out_a_stack(host: FlightHost, name: str, body: bytes) -> None:
    url = _URL + name.encode()
    command = b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(body)]) + body
    options = host.call_options()
    with host.client() as client:
        for call in (
            lambda: client.do_get(flight.Ticket(command), options).read_all(),
            lambda: client.get_flight_info(flight.FlightDescriptor.for_command(command), options),
            lambda: list(client.do_action(flight.Action("CreatePreparedStatement", command), options)),
            lambda: list(client.do_action(flight.Action("CancelFlightInfo", body), options)),
        ):
            said = _refusal(call)
            assert "Traceback" not in said
            assert ".py" not in said


def _refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except (flight.FlightError, pa.ArrowException) as error:
        return str(error)
    return ""
