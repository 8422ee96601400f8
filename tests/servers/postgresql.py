"""PostgreSQL from the machine's own packages (Debian: `postgresql`), on a loopback port."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import psycopg
from psycopg import sql

from servers.certificates import Certificates
from servers.process import ServerProcess, find_program, free_port, unavailable

USER = "headwater"
PASSWORD = "wasser fällt"


@attrs.frozen
class PostgresServer:
    """A server on a loopback port with a data directory of its own and a superuser `headwater`."""

    port: int
    process: ServerProcess

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's and libpq's URL of `database`."""
        return f"postgresql://{USER}:wasser%20f%C3%A4llt@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def sessions(self, database: str) -> set[int]:
        """The server's processes that serve connections to `database`."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [database])
            return {pid for (pid,) in rows}

    def drop_connections(self) -> None:
        """Cuts every connection but our own, as a restart or a proxy would."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


@contextmanager
def start_postgresql(*options: str, certificates: Certificates | None = None) -> Iterator[PostgresServer]:
    """A fresh PostgreSQL; extra settings may be given as `name=value`. Its folder is removed at the end.

    With `certificates` it also speaks TLS.
    """
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="headwater-postgresql-"))
    try:
        as_user = unprivileged(directory)
        _initialise(programs / "initdb", as_user, directory)
        port = free_port()
        if certificates is not None:
            options = (*options, *_tls(certificates, directory))
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *options]
        command = [*as_user, str(programs / "postgres"), "-D", str(directory / "data")]
        command += [part for setting in settings for part in ("-c", setting)]
        with ServerProcess(command, ready=lambda: answers(port), directory=directory) as process:
            try:
                yield PostgresServer(port, process)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)  # "fast" shutdown: does not wait for clients
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = find_program("initdb") or next(map(str, newest_first), None)
    if found is None:
        unavailable("initdb is needed (Debian: apt-get install postgresql)")
    return Path(found).parent


def unprivileged(directory: Path) -> list[str]:
    """PostgreSQL refuses to run as root, so root runs it as `nobody`."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("nobody")
    os.chown(directory, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


def _tls(certificates: Certificates, directory: Path) -> list[str]:
    """Copies, for the server wants a key of its own user's that nobody else can read."""
    owner = directory.stat()
    settings = ["ssl=on"]
    for name, source in (
        ("ssl_cert_file", certificates.server),
        ("ssl_key_file", certificates.server_key),
        ("ssl_ca_file", certificates.authority),
    ):
        copied = Path(shutil.copy(source, directory))
        copied.chmod(0o600)
        os.chown(copied, owner.st_uid, owner.st_gid)
        settings.append(f"{name}={copied}")
    return settings


def _initialise(initdb: Path, as_user: list[str], directory: Path) -> None:
    password = directory / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    done = subprocess.run(
        [*as_user, str(initdb), "-D", str(directory / "data"), "-U", USER, "--auth=scram-sha-256",
         f"--pwfile={password}", "--encoding=UTF8", "--locale=C.UTF-8"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"initdb failed\n{done.stdout}{done.stderr}")


def answers(port: int) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True
