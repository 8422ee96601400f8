"""Real ClickHouse servers: a modern one out of an npm package, and Debian's old one."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
from attrs import frozen

from servers.process import ServerProcess, fetch_debian_packages, fetch_npm_package, free_port, unavailable

Ask = Callable[..., pa.Table]
"""Runs a query (SQL, or a query object) with the options of `Headwater.query`."""

# npm's default tag is an older engine, which cannot listen.
NPM_VERSION = "26.7.3-stable.1"

ADMIN, ADMIN_PASSWORD = "admin", "adm:ïn'\\pw"
READER, READER_PASSWORD = "reader", "reader-pw"

_CONFIG = """
<clickhouse>
  <users_config>{directory}/users.xml</users_config>
</clickhouse>
"""
_USERS = """
<clickhouse>
  <profiles>
    <default/>
    <readonly><readonly>1</readonly></readonly>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password><networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>default</profile><quota>default</quota>
    </default>
    <admin>
      <password_sha256_hex>{admin}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota>
    </admin>
    <reader>
      <password_sha256_hex>{reader}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>
      <profile>readonly</profile><quota>default</quota>
    </reader>
  </users>
</clickhouse>
"""


_OLD_CONFIG = """
<yandex>
  <logger><level>error</level><console>1</console></logger>
  <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>
  <path>{directory}/data/</path><tmp_path>{directory}/tmp/</tmp_path>
  <users_config>{directory}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>100000000</mark_cache_size>
</yandex>
"""
_OLD_USERS = """
<yandex>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota>
  </default></users>
</yandex>
"""


@frozen
class ClickHouseServer:
    """A running server. `default` needs no password; `admin` and `reader` (readonly=1) do."""

    port: int
    process: ServerProcess

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, sql: str, **settings: str) -> str:
        """Run `sql` as `default`, past the plugin; the answer's text."""
        return _post(self.url, sql, settings)


@contextmanager
def start_clickhouse() -> Iterator[ClickHouseServer]:
    """A fresh modern server on a loopback port."""
    library = _library()
    with tempfile.TemporaryDirectory(prefix="headwater-clickhouse-", ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        _write_configuration(directory)
        port = free_port()
        command = [
            sys.executable, str(Path(__file__).with_name("clickhouse_launcher.py")), str(library),
            f"--path={directory / 'data'}", "--listen_host=127.0.0.1", f"--http_port={port}",
            f"--config-file={directory / 'config.xml'}", "--multiquery", "--output-format=TabSeparated",
            # The last statement blocks until standard input is closed.
            "--query=SYSTEM START LISTEN HTTP; SELECT * FROM file('stdin', LineAsString) FORMAT Null",
        ]  # fmt: skip
        process = ServerProcess(
            command, ready=lambda: _answers(port), directory=directory, stdin=subprocess.PIPE
        )
        with process:
            yield ClickHouseServer(port, process)


@contextmanager
def start_old_clickhouse() -> Iterator[ClickHouseServer]:
    """ClickHouse 18.16 of Debian 12, which cannot answer in Arrow. Unpacked, not installed."""
    root = fetch_debian_packages(
        "clickhouse-18", ["clickhouse-server"], suite="bookworm", with_dependencies=True,
        skip=("perl", "adduser", "debconf", "passwd", "libpam"),
    )  # fmt: skip
    loader = next(root.glob("lib/*/ld-linux-*.so.*"), None)
    if loader is None:
        unavailable(f"no loader below {root}")
    libraries = f"{loader.parent}:{root / 'usr/lib' / loader.parent.name}"
    with tempfile.TemporaryDirectory(prefix="headwater-clickhouse-", ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        port = free_port()
        (directory / "config.xml").write_text(_OLD_CONFIG.format(directory=directory, port=port))
        (directory / "users.xml").write_text(_OLD_USERS)
        command = [
            str(loader), "--library-path", libraries, str(root / "usr/sbin/clickhouse-server"),
            f"--config-file={directory / 'config.xml'}",
        ]  # fmt: skip
        with ServerProcess(command, ready=lambda: _answers(port), directory=directory) as process:
            yield ClickHouseServer(port, process)
            # It would wait for the clients' idle connections first.
            process.kill()


def _library() -> Path:
    system, machine = platform.system().lower(), platform.machine()
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, machine)
    suffix = "-gnu" if system == "linux" else ""
    folder = fetch_npm_package(f"@chdb/lib-{system}-{machine}{suffix}", NPM_VERSION)
    for name in ("libchdb.so", "libchdb.dylib"):
        if (folder / name).exists():
            return folder / name
    unavailable(f"no library in {folder}")


def _write_configuration(directory: Path) -> None:
    def digest(password: str) -> str:
        return hashlib.sha256(password.encode()).hexdigest()

    (directory / "config.xml").write_text(_CONFIG.format(directory=directory))
    users = _USERS.format(admin=digest(ADMIN_PASSWORD), reader=digest(READER_PASSWORD))
    (directory / "users.xml").write_text(users)


def _answers(port: int) -> bool:
    try:
        return _post(f"http://127.0.0.1:{port}", "SELECT 1", {}) == "1\n"
    except OSError:
        return False


def _post(url: str, sql: str, settings: dict[str, str]) -> str:
    query = f"?{urlencode(settings)}" if settings else ""
    with urllib.request.urlopen(f"{url}/{query}", data=sql.encode(), timeout=60) as answer:
        text: str = answer.read().decode()
        return text
