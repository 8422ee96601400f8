"""Flight SQL, served by a host of our own before a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from headwater import Headwater

from .certificates import Certificates
from .process import free_port


@attrs.frozen
class FlightAddress:
    """Where a Flight SQL server is, the token that it wants, and the header that says which database."""

    url: str
    token: str
    metadata: tuple[dict[str, str], ...]


@contextmanager
def start_flight_sql(database: Path, certificates: Certificates | None = None) -> Iterator[FlightAddress]:
    from headwater_server.flight import flight_service
    from headwater_server.http import create_app
    from headwater_server.serving import ListenOptions

    from .http_host import admin_authenticator, run_host

    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="shop", url=str(database))
        authenticator, admin = admin_authenticator(password="a password")
        options = ListenOptions(
            port=free_port(),
            tls_certificate=certificates.server if certificates else None,
            tls_key=certificates.server_key if certificates else None,
        )
        app = create_app(host, authenticator=authenticator, services=[flight_service(options)])
        with run_host(app, admin) as running:
            header = {"name": "x-headwater-catalog", "value": "shop"}
            yield FlightAddress(options.flight_url, running.admin, (header,))
