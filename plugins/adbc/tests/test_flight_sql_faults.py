"""Flight SQL's driver on a network that fails: what a query held is let go, the next one is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import (
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamServerError,
)
from headwater.testing import Fault, FaultProxy
from servers.certificates import make_certificates
from servers.database_files import duckdb_file
from servers.flight_sql import FlightAddress, start_flight_sql
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


HEADER = b"\x40\x0ccontent-type\x10application/grpc\x40\x14grpc-accept-encoding"
"""The first answer's: 0x40 is HPACK's literal that is kept for later answers to name (RFC 7541, 6.2.1)."""


@pytest.mark.parametrize("until", [b"content-t", b"applic", b"application/grpc", b"\x14gr"])
def test_a_changed_byte_of_a_header_spoils_one_query(flight_sql: FlightAddress, until: bytes) -> None:
    """Later headers name those before them, so the connection is of no use any more."""
    text = HEADER[: HEADER.index(until) + len(until)]
    with behind(Fault(corrupt_text=text), flight_sql) as (host, proxy):
        with pytest.raises(DownstreamServerError):
            host.query("faulty", ROWS)
        proxy.fault = Fault()
        assert host.query("faulty", ROWS).table.num_rows == 2000


def ask(server: FlightAddress, *, url: str = "", **secrets: str) -> list[dict[str, object]]:
    with Headwater(allow_plugins={"flightsql"}) as host:
        host.add_data_source(
            name="shop",
            type="flightsql",
            url=url or server.url,
            json_data={"metadata": list(server.metadata)},
            secure_json_data={"token": server.token, **secrets},
        )
        return host.query("shop", "SELECT count(*) AS n FROM t").to_pylist()


def test_a_wrong_token_and_a_server_that_is_not_there_are_told_apart(flight_sql: FlightAddress) -> None:
    with pytest.raises(DownstreamAuthError, match="refused the data source's user"):
        ask(flight_sql, token="hwsa_wrong")
    with pytest.raises(DownstreamConnectionError, match="failed to connect to server - please inspect"):
        ask(flight_sql, url="grpc://127.0.0.1:1")


def test_a_servers_own_words_stand_alone(flight_sql: FlightAddress) -> None:
    with behind(Fault(), flight_sql) as (host, _), pytest.raises(DownstreamServerError) as caught:
        host.query("faulty", "SELECT nope FROM t")
    assert 'Referenced column "nope" not found' in str(caught.value)
    assert "DoGet" not in str(caught.value)


def test_the_servers_certificate_is_verified(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls")
    table = duckdb_file(tmp_path, "CREATE TABLE t AS SELECT range AS n FROM range(10)")
    with start_flight_sql(table, certificates) as server:
        assert ask(server, tlsCACert=certificates.authority.read_text()) == [{"n": 10}]
        with pytest.raises(DownstreamConnectionError, match="no TLS connection with a trusted certificate"):
            ask(server)
