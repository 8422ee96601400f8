"""Real MySQL, fetched once from Debian's development suite and run beside the system's own C library."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.certificates import make_certificates
from servers.mysql_family import (
    DatabaseServer,
    answers,
    create_account,
    run_quietly,
    server_options,
    set_up_options,
)
from servers.process import ServerProcess, fetch_debian_packages, free_port, unavailable


@contextmanager
def start_mysql(*options: str) -> Iterator[DatabaseServer]:
    """A fresh MySQL; extra command line options may be given. Its folder is removed at the end."""
    program = mysqld_command()
    directory = Path(tempfile.mkdtemp(prefix="headwater-mysql-"))
    try:
        certificates = make_certificates(directory / "tls")
        common = server_options(directory, port := free_port(), certificates)
        run_quietly(
            [*program, "--initialize-insecure", *set_up_options(directory)], directory / "install.log"
        )
        socket = directory / "s.sock"
        command = [
            *program, *common, "--mysqlx=0", "--disable-log-bin", "--innodb-redo-log-capacity=64M",
            "--performance-schema=OFF", *options,
        ]  # fmt: skip
        with ServerProcess(command, ready=lambda: answers(socket), directory=directory) as process:
            create_account(socket)
            yield DatabaseServer("mysql", port, socket, certificates, process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def mysqld_command() -> list[str]:
    """The server's command line up to the options of one data directory.

    The packages are unpacked, not installed: mysqld is started by the loader that came with it, so that it
    finds its own C library, and is told where its messages and character sets are.
    """
    root = fetch_debian_packages(
        "mysql-server-core", ["mysql-server-core"], suite="sid", with_dependencies=True,
        skip=("perl", "libperl", "libc-gconv"),
    )  # fmt: skip
    libraries = next(root.glob("usr/lib/*-linux-gnu"), None)
    loader = next(libraries.glob("ld-linux-*.so.*"), None) if libraries else None
    program = root / "usr/sbin/mysqld"
    if libraries is None or loader is None or not program.exists():
        unavailable(f"no mysqld below {root}")
    return [
        str(loader), "--library-path", str(libraries), str(program), "--no-defaults", f"--basedir={root}/usr",
        f"--lc-messages-dir={root}/usr/share/mysql", f"--character-sets-dir={root}/usr/share/mysql/charsets",
        f"--plugin-dir={libraries.parent}/mysql/plugin",
    ]  # fmt: skip
