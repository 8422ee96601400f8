"""What a running MariaDB and a running MySQL have in common for the tests: address, account, certificates."""

from __future__ import annotations

import os
import pwd
import socket as sockets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import pymysql

from servers.certificates import Certificates
from servers.process import ServerProcess

Flavour = Literal["mariadb", "mysql"]

USER = "headwater"
PASSWORD = "wasser-fällt"  # not ASCII on purpose: passwords are UTF-8 on the wire
DATABASE = "headwater"


@attrs.frozen
class DatabaseServer:
    """A server on a loopback port with a data directory of its own and a superuser `headwater`."""

    flavour: Flavour
    port: int
    socket: Path
    certificates: Certificates
    process: ServerProcess
    host: str = "127.0.0.1"
    user: str = USER
    password: str = PASSWORD
    database: str = DATABASE

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"mysql://{self.user}:{self.password}@{self.address}/{self.database}"

    @contextmanager
    def admin(self) -> Iterator[pymysql.Connection[Any]]:
        """A connection of another driver, so that the tests do not judge our driver by itself."""
        connection = pymysql.connect(
            unix_socket=str(self.socket),
            user=self.user,
            password=self.password.encode(),
            database=self.database,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,
        )
        try:
            yield connection
        finally:
            connection.close()

    def execute(self, *statements: str) -> None:
        with self.admin() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.admin() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


def set_up_options(directory: Path) -> list[str]:
    """Where files lie, and whose they are. A server that starts removes what others left in its `tmpdir`, and
    what others have there just now."""
    (temporary := directory / "tmp").mkdir(exist_ok=True)
    return [
        f"--datadir={directory / 'data'}",
        f"--tmpdir={temporary}",
        f"--user={pwd.getpwuid(os.getuid()).pw_name}",
    ]


def server_options(directory: Path, port: int, certificates: Certificates) -> list[str]:
    """Options that both servers understand. 64 MiB packets let the tests send rows past the 16 MiB frame."""
    return [
        *set_up_options(directory),
        f"--socket={directory / 's.sock'}",
        f"--pid-file={directory / 'pid'}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--secure-file-priv=",
        "--skip-name-resolve",
        "--max-allowed-packet=64M",
        "--innodb-buffer-pool-size=512M",
        "--innodb-flush-log-at-trx-commit=0",
        f"--ssl-ca={certificates.authority}",
        f"--ssl-cert={certificates.server}",
        f"--ssl-key={certificates.server_key}",
    ]


def run_quietly(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a step of the set-up; its output matters only if it fails."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {(done.stdout + done.stderr)[-2000:]}")


def create_account(socket: Path) -> None:
    """Make the superuser and the database through the passwordless root of a fresh data directory."""
    root = pymysql.connect(unix_socket=str(socket), user="root", charset="utf8mb4", ssl_disabled=True)
    try:
        with root.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION")
    finally:
        root.close()


def answers(socket: Path) -> bool:
    """Whether the server lets root in, which is later than when the port opens."""
    with sockets.socket(sockets.AF_UNIX) as probe:  # PyMySQL leaves its socket open when it is refused
        if probe.connect_ex(str(socket)):
            return False
    try:
        pymysql.connect(unix_socket=str(socket), user="root", connect_timeout=1, ssl_disabled=True).close()
    except pymysql.MySQLError:
        return False
    return True
