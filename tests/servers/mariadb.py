"""MariaDB from the machine's own packages (Debian: `mariadb-server`), on a loopback port."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.certificates import make_certificates
from servers.mysql_family import DatabaseServer, answers, create_account, run_quietly, server_options
from servers.process import ServerProcess, find_program, free_port, unavailable


@contextmanager
def start_mariadb(*options: str) -> Iterator[DatabaseServer]:
    """A fresh MariaDB; extra command line options may be given. Its folder is removed at the end."""
    program, installer = find_program("mariadbd"), find_program("mariadb-install-db")
    if program is None or installer is None:
        unavailable("mariadbd and mariadb-install-db are needed (Debian: apt-get install mariadb-server)")
    directory = Path(tempfile.mkdtemp(prefix="headwater-mariadb-"))
    try:
        certificates = make_certificates(directory / "tls")
        common = server_options(directory, port := free_port(), certificates)
        user = common[-1]
        run_quietly(
            [installer, "--no-defaults", common[0], user, "--auth-root-authentication-method=normal",
             "--skip-test-db", "--skip-name-resolve"],
            directory / "install.log",
        )  # fmt: skip
        socket = directory / "s.sock"
        command = [program, "--no-defaults", *common, "--innodb-log-file-size=64M", *options]
        with ServerProcess(command, ready=lambda: answers(socket), directory=directory) as process:
            create_account(socket)
            yield DatabaseServer("mariadb", port, socket, certificates, process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
