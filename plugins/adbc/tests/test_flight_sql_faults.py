"""Flight SQL's driver on a network that fails: what a query held is let go, the next one is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from headwater import Headwater
from headwater.errors import DeadlineExceededError, DownstreamServerError
from headwater.testing import Fault, FaultProxy
from servers.flight_sql import FlightAddress
from servers.process import eventually

ROWS = {"rawSql": "SELECT range AS n FROM range(2000)"}


@contextmanager
def behind(fault: Fault, server: FlightAddress) -> Iterator[tuple[Headwater, FaultProxy]]:
    port = int(server.url.rpartition(":")[2])
    with (
        FaultProxy("127.0.0.1", port, fault) as proxy,
        Headwater(allow_plugins={"flightsql"}, grace=0.1) as host,
    ):
        host.add_data_source(
            name="faulty",
            type="flightsql",
            url=f"grpc://{proxy.address}",
            json_data={"metadata": list(server.metadata)},
            secure_json_data={"token": server.token},
        )
        yield host, proxy


@pytest.mark.parametrize("silent_after", [100, 3000, 14_000], ids=["connecting", "planning", "amid the rows"])
def test_a_silent_server_keeps_no_connection(flight_sql: FlightAddress, silent_after: int) -> None:
    """The driver asks things beside statements, and waits for their answers with its connection in hand."""
    with behind(Fault(silent_after=silent_after), flight_sql) as (host, proxy):
        with pytest.raises(DeadlineExceededError):
            host.query("faulty", ROWS, timeout=0.5)
        assert eventually(lambda: proxy.open_connections == 0, 20)


@pytest.mark.parametrize("at", [90, 102, 112, 116])
def test_a_changed_byte_of_a_header_spoils_one_query(flight_sql: FlightAddress, at: int) -> None:
    """Later headers name those before them, so the connection is of no use any more."""
    with behind(Fault(corrupt_at=at), flight_sql) as (host, proxy):
        with pytest.raises(DownstreamServerError):
            host.query("faulty", ROWS)
        proxy.fault = Fault()
        assert host.query("faulty", ROWS).table.num_rows == 2000
