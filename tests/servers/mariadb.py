"""MariaDB of the machine's own release, installed or fetched, on a loopback port."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from servers.certificates import make_certificates
from servers.mysql_family import (
    DatabaseServer,
    answers,
    create_account,
    run_quietly,
    server_options,
    set_up_options,
)
from servers.process import (
    C_LIBRARY,
    ServerProcess,
    fetch_debian_packages,
    find_program,
    free_port,
    library_path,
    unavailable,
)


@attrs.frozen
class _Programs:
    """The commands that make a data directory and that serve it, up to the options of one directory."""

    installer: list[str]
    server: list[str]
    environment: dict[str, str] = attrs.field(factory=dict)


def _installed() -> _Programs | None:
    server, installer = find_program("mariadbd"), find_program("mariadb-install-db")
    if server is None or installer is None:
        return None
    return _Programs([installer, "--no-defaults"], [server, "--no-defaults"])


def _fetched() -> _Programs:
    root = fetch_debian_packages(
        "mariadb-server-core", ["mariadb-server-core", "mariadb-client-core"],
        suite="", with_dependencies=True, skip=(*C_LIBRARY, "perl", "libperl"),
    )  # fmt: skip
    server = root / "usr/sbin/mariadbd"
    if not server.exists():
        unavailable(f"no mariadbd below {root}; apt-get install mariadb-server")
    basedir = f"--basedir={root}/usr"
    messages = f"--lc-messages-dir={root}/usr/share/mysql"
    return _Programs(
        [str(root / "usr/bin/mariadb-install-db"), "--no-defaults", basedir],
        [
            str(server),
            "--no-defaults",
            basedir,
            messages,
            f"--character-sets-dir={root}/usr/share/mysql/charsets",
        ],
        library_path(root),
    )


@contextmanager
def start_mariadb(*options: str) -> Iterator[DatabaseServer]:
    """A fresh MariaDB; extra command line options may be given. Its folder is removed at the end."""
    programs = _installed() or _fetched()
    directory = Path(tempfile.mkdtemp(prefix="headwater-mariadb-"))
    try:
        certificates = make_certificates(directory / "tls")
        common = server_options(directory, port := free_port(), certificates)
        run_quietly(
            [*programs.installer, *set_up_options(directory), "--auth-root-authentication-method=normal",
             "--skip-test-db", "--skip-name-resolve"],
            directory / "install.log",
            programs.environment,
        )  # fmt: skip
        socket = directory / "s.sock"
        command = [*programs.server, *common, "--innodb-log-file-size=64M", *options]
        with ServerProcess(
            command,
            ready=lambda: answers(socket),
            directory=directory,
            environment=programs.environment,
        ) as process:
            create_account(socket)
            yield DatabaseServer("mariadb", port, socket, certificates, process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
