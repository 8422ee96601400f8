"""Servers that fall silent and keep the connection: what a query held is let go soon after its end."""

from __future__ import annotations

import pytest

from headwater import Headwater
from headwater.errors import DeadlineExceededError
from headwater.testing import Fault, FaultProxy
from servers.flight_sql import FlightAddress
from servers.process import eventually

ROWS = {"rawSql": "SELECT range AS n FROM range(2000)"}


@pytest.mark.parametrize("silent_after", [100, 3000, 14_000], ids=["connecting", "planning", "amid the rows"])
def test_flight_sql(flight_sql: FlightAddress, silent_after: int) -> None:
    """The driver asks things beside statements, and waits for their answers with its connection in hand."""
    port = int(flight_sql.url.rpartition(":")[2])
    with (
        FaultProxy("127.0.0.1", port, Fault(silent_after=silent_after)) as proxy,
        Headwater(allow_plugins={"flightsql"}, grace=0.1) as host,
    ):
        host.add_data_source(
            name="silent",
            type="flightsql",
            url=f"grpc://{proxy.address}",
            json_data={"metadata": list(flight_sql.metadata)},
            secure_json_data={"token": flight_sql.token},
        )
        with pytest.raises(DeadlineExceededError):
            host.query("silent", ROWS, timeout=0.5)
        assert eventually(lambda: proxy.open_connections == 0, 20)
