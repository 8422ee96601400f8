"""What stands between a data source and PostgreSQL: TLS, and a pooler."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from headwater import Headwater
from headwater.errors import DeadlineExceededError, DownstreamConnectionError, DownstreamServerError
from servers.certificates import Certificates, make_certificates
from servers.pgbouncer import start_pgbouncer
from servers.postgresql import PASSWORD, USER, PostgresServer, start_postgresql
from servers.process import eventually, stop

MakeHost = Callable[..., Headwater]


@pytest.fixture
def make_host() -> Iterator[MakeHost]:
    """A host with the data source `db` at a port of loopback; `secrets` beside its password."""
    hosts: list[Headwater] = []

    def make(port: int, *, secrets: dict[str, str] | None = None, **settings: Any) -> Headwater:
        host = Headwater(allow_plugins={"postgresql"})
        hosts.append(host)
        host.add_data_source(
            type="postgresql",
            name="db",
            url=f"127.0.0.1:{port}",
            user=USER,
            database="postgres",
            json_data=settings,
            secure_json_data={"password": PASSWORD, **(secrets or {})},
        )
        return host

    yield make
    for host in hosts:
        host.close()


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def encrypted(certificates: Certificates) -> Iterator[PostgresServer]:
    with start_postgresql(certificates=certificates) as server:
        yield server


def test_the_servers_certificate_is_verified_and_the_clients_is_shown(
    encrypted: PostgresServer, certificates: Certificates, make_host: MakeHost
) -> None:
    secrets = {
        "tlsCACert": certificates.authority.read_text(),
        "tlsClientCert": certificates.client.read_text(),
        "tlsClientKey": certificates.client_key.read_text(),
    }
    host = make_host(encrypted.port, sslmode="verify-full", secrets=secrets)
    (row,) = host.query(
        "db", "SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    ).to_pylist()
    assert (row["ssl"], row["version"]) == (True, "TLSv1.3")
    assert "headwater client" in row["client_dn"]


def test_a_certificate_that_a_stranger_signed_is_refused(
    encrypted: PostgresServer, certificates: Certificates, make_host: MakeHost
) -> None:
    host = make_host(
        encrypted.port, sslmode="verify-full", secrets={"tlsCACert": certificates.stranger.read_text()}
    )
    with pytest.raises(DownstreamConnectionError, match="no TLS connection with a trusted certificate"):
        host.query("db", "SELECT 1")


def test_without_a_setting_a_server_without_tls_is_refused(
    postgres: PostgresServer, make_host: MakeHost
) -> None:
    with pytest.raises(DownstreamConnectionError, match="no TLS connection"):
        make_host(postgres.port).query("db", "SELECT 1")


# --- a pooler -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooled(postgres: PostgresServer) -> Iterator[int]:
    with start_pgbouncer(postgres) as port:
        yield port


def test_many_clients_share_one_connection_of_the_server(pooled: int, make_host: MakeHost) -> None:
    host = make_host(pooled, sslmode="disable")

    def ask(number: int) -> Any:
        rows = host.query(
            "db", {"rawSql": "SELECT $1::int AS n, pg_backend_pid() AS pid", "params": [number]}
        )
        return rows.to_pylist()[0]

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(ask, range(30)))
    assert [answer["n"] for answer in answers] == list(range(30))
    assert len({answer["pid"] for answer in answers}) == 1


def test_nothing_of_a_statement_is_left_to_the_next_client(pooled: int, make_host: MakeHost) -> None:
    host = make_host(pooled, sslmode="disable")
    with pytest.raises((DeadlineExceededError, DownstreamServerError)):
        host.query("db", "SELECT pg_sleep(20)", timeout=0.5)
    with pytest.raises(DownstreamServerError):
        host.query("db", "SELECT 1 / 0")
    assert host.query("db", "SELECT count(*) AS n FROM generate_series(1, 100000)").to_pylist() == [
        {"n": 100000}
    ]
    with psycopg.connect(
        host="127.0.0.1", port=pooled, user=USER, password=PASSWORD, dbname="postgres", prepare_threshold=None
    ) as another:
        left = another.execute(
            "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')"
        ).fetchone()
    assert left == ("0", "off")


# --- silence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole_server", [False, True], ids=["its session", "the server"])
def test_a_query_of_which_nothing_is_heard_leaves_nothing_behind(
    make_host: MakeHost, *, whole_server: bool
) -> None:
    """The driver waits until its server speaks again; a frozen one keeps its connections."""
    with start_postgresql() as server:
        host = make_host(server.port, sslmode="disable")
        host.query("db", "SELECT 1")  # every thread of the host's own is there
        usual = threads()
        frozen = [*_idle(server), *([server.process.pid] if whole_server else [])]
        for pid in frozen:
            stop(pid)
        try:
            with pytest.raises(DeadlineExceededError):
                host.query("db", "SELECT pg_sleep(60)", timeout=1)
            assert eventually(lambda: threads() <= usual, 45)  # an idle worker of the host ends after 30 s
            assert connections_to(server.port) == 0
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        assert host.query("db", "SELECT 1 AS n").table.column("n").to_pylist() == [1]


def test_a_server_that_never_answers_a_connection_is_given_up_with_the_call(make_host: MakeHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        host = make_host(port, sslmode="disable")
        with pytest.raises(DeadlineExceededError):
            host.query("db", "SELECT 1", timeout=0.5)
        assert eventually(lambda: connections_to(port) == 0, 5)  # of 10 s that connecting may take


def _idle(server: PostgresServer) -> list[int]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE state = 'idle'")
        return [pid for (pid,) in rows]


def threads() -> set[int]:
    return {int(each.name) for each in Path("/proc/self/task").iterdir()}


def connections_to(port: int) -> int:
    rows = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    return sum(int(row.split()[2].rpartition(":")[2], 16) == port and row.split()[3] == "01" for row in rows)
