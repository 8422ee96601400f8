"""A host with test data that serves Flight SQL beside HTTP, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_flightsql.dbapi
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from adbc_driver_manager.dbapi import Connection
from attrs import frozen
from pyarrow import flight

from headwater import Headwater
from headwater_engines.flight.messages import message, pack
from headwater_server.auth import CallerLimits
from headwater_server.flight import flight_service
from headwater_server.http import create_app
from headwater_server.serving import ListenOptions
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, run_host
from servers.process import free_port

ADMIN_PASSWORD = "pass word"


@frozen
class FlightHost:
    """`call_options` and `connect` speak as the admin, or with another token."""

    headwater: Headwater
    http: RunningHost
    url: str
    audit: ListedAudit

    def client(self) -> flight.FlightClient:
        return flight.connect(self.url)

    def call_options(self, token: str | None = None, **headers: str) -> flight.FlightCallOptions:
        sent = {"authorization": f"Bearer {token or self.http.admin}", **headers}
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
        return flight.FlightCallOptions(headers=pairs, timeout=30)

    def connect(self, catalog: str = "demo", token: str | None = None, **options: str) -> Connection:
        return adbc_driver_flightsql.dbapi.connect(
            self.url,
            db_kwargs={
                DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token or self.http.admin}",
                DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value: "true",
                f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-headwater-catalog": catalog,
                **options,
            },
            autocommit=True,
        )


@pytest.fixture(scope="module")
def host() -> Iterator[FlightHost]:
    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata", uid="demo")
        headwater.add_data_source(name="other", type="testdata", uid="other")
        with serve_flight(headwater) as host:
            yield host


@contextmanager
def serve_flight(
    headwater: Headwater, limits: CallerLimits | None = None, **listen: Any
) -> Iterator[FlightHost]:
    """Serve `headwater` until the block ends. `listen` are fields of ListenOptions."""
    authenticator, admin = admin_authenticator(password=ADMIN_PASSWORD)
    audit = ListedAudit()
    own = ListenOptions(port=free_port(), **listen)
    app = create_app(
        headwater, authenticator=authenticator, audit=audit, limits=limits, services=[flight_service(own)]
    )
    with run_host(app, admin) as http:
        yield FlightHost(headwater, http, own.flight_url, audit)


def statement(text: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(pack(message("CommandStatementQuery", query=text)))


def read(host: FlightHost, text: str, token: str | None = None, **headers: str) -> pa.Table:
    """The rows of a query, as a plain Flight client gets them."""
    options = host.call_options(token, **{"x_headwater_catalog": "demo", **headers})
    with host.client() as client:
        info = client.get_flight_info(statement(text), options)
        return client.do_get(info.endpoints[0].ticket, options).read_all()
