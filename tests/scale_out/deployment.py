"""Two hosts on one PostgreSQL behind nginx, as the how-to on scaling out sets them up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from attrs import define, field
from click.testing import CliRunner
from pyarrow import flight

from headwater_engines.flight.messages import message, pack
from headwater_server.cli.main import main
from servers.nginx import start_nginx
from servers.postgresql import PostgresServer
from servers.process import free_port
from servers.serve_process import ServeProcess, admin_token

QUERY = {"scenario": "streaming_rows", "rows": 3}

# A pooler in transaction mode swallows notifications and says nothing; so does a function in its place.
_MUTE = (
    "CREATE SCHEMA muted",
    "CREATE FUNCTION muted.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'",
    "ALTER ROLE headwater IN DATABASE {database} SET search_path = muted, pg_catalog, public",
)


@define
class Deployment:
    """Hosts in `hosts`; `url` is nginx, in front of them. `admin` is a token."""

    directory: Path
    store_url: str
    hosts: list[ServeProcess] = field(factory=list)
    flight_ports: list[int] = field(factory=list)
    url: str = ""
    admin: str = ""

    def start_host(self) -> ServeProcess:
        """One more host, with the keys of the others."""
        folder = self.directory / f"host-{len(self.hosts)}"
        folder.mkdir()
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700, exist_ok=True)
        (folder / "keys").symlink_to(keys)
        self.flight_ports.append(free_port())
        host = ServeProcess(folder, "--flight", str(self.flight_ports[-1]))
        self.hosts.append(host)
        host.wait_ready()
        return host

    def command(self, *arguments: str) -> str:
        """What `headwater …` prints, run beside the hosts."""
        done = CliRunner().invoke(main, ["--data-dir", str(self.hosts[0].directory), *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def ask(self, host: int, method: str, path: str, token: str = "", **options: Any) -> httpx2.Response:
        """One host, past nginx."""
        return self.hosts[host].call(method, path, token=token or self.admin, **options)

    def query(self, host: int, uid: str, token: str = "") -> httpx2.Response:
        body = {"queries": [{"refId": "A", "datasource": {"uid": uid}, **QUERY}]}
        return self.ask(host, "POST", "/api/ds/query", token, json={**body, "from": "now-1h", "to": "now"})

    def flight_client(self, host: int) -> flight.FlightClient:
        return flight.connect(f"grpc://127.0.0.1:{self.flight_ports[host]}")

    def flight_options(self, uid: str, **headers: str) -> flight.FlightCallOptions:
        sent = {"authorization": f"Bearer {self.admin}", "x-headwater-catalog": uid, **headers}
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
        return flight.FlightCallOptions(headers=pairs, timeout=30)


def statement(text: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(pack(message("CommandStatementQuery", query=text)))


@contextmanager
def deploy(directory: Path, postgresql: PostgresServer, database: str, *, mute: bool) -> Iterator[Deployment]:
    """Two hosts until the block ends. With `mute` they hear of each other's changes by polling alone."""
    url = postgresql.new_database(database)
    if mute:
        with psycopg.connect(url, autocommit=True) as connection:
            for text in _MUTE:
                connection.execute(text.format(database=database))
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("HEADWATER_STORE_URL", url)
        deployment = Deployment(directory, url)
        stack.callback(lambda: [host.stop() for host in deployment.hosts])
        deployment.admin = admin_token(deployment.start_host())
        deployment.start_host()
        addresses = [f"127.0.0.1:{host.port}" for host in deployment.hosts]
        deployment.url = stack.enter_context(start_nginx({"/": "http://hosts"}, hosts=addresses))
        yield deployment
