"""PgBouncer before a PostgreSQL: transactions of many clients on few connections of the server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgresql import PASSWORD, USER, PostgresServer, answers, unprivileged
from .process import C_LIBRARY, ServerProcess, fetch_debian_packages, find_program, free_port, library_path


@contextmanager
def start_pgbouncer(server: PostgresServer, *, pool_size: int = 1) -> Iterator[int]:
    """The port of a pooler that gives each transaction one of `pool_size` connections to `server`."""
    program, environment = _program()
    directory = Path(tempfile.mkdtemp(prefix="headwater-pgbouncer-"))
    try:
        port = free_port()
        # It changes its user itself: where it lies, perhaps only this one may look.
        as_user = ["-u", "nobody"] if unprivileged(directory) else []
        users = directory / "users.txt"
        users.write_text(f'"{USER}" "{PASSWORD}"\n')
        settings = directory / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\n"
            f"pool_mode = transaction\ndefault_pool_size = {pool_size}\n"
        )
        for file in (users, settings):
            file.chmod(0o644)
        command = [str(program), *as_user, str(settings)]
        with ServerProcess(
            command, ready=lambda: answers(port), directory=directory, environment=environment
        ):
            yield port
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _program() -> tuple[Path, dict[str, str]]:
    if (found := find_program("pgbouncer")) is not None:
        return Path(found), {}
    root = fetch_debian_packages("pgbouncer", ["pgbouncer"], suite="", with_dependencies=True, skip=C_LIBRARY)
    return root / "usr/sbin/pgbouncer", library_path(root)
