"""The image: its steps in bare Debian roots, and a host in what they make, as an engine would run it.

Slow, and needs the rights of root: `nox -s container`. Folders of an index on this machine that pip is to see
are named in HEADWATER_TEST_BIND, separated as in PATH.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.process import debian_mirror, fetch_debian_packages, free_port, own_suite, unavailable

from .image import Stage, build, run_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if os.name != "posix" or os.geteuid() != 0:
        unavailable("changing the root needs the rights of root")
    folder = tmp_path_factory.mktemp("image")
    _debootstrap(folder / "debian")
    binds = [each for each in os.environ.get("HEADWATER_TEST_BIND", "").split(os.pathsep) if each]
    return build(folder / "root", folder / "debian", binds)


def _debootstrap(target: Path) -> None:
    """A bare Debian 12 in `target`."""
    found = fetch_debian_packages("debootstrap", ["debootstrap"], suite=own_suite(), with_dependencies=False)
    program = str(found / "usr/sbin/debootstrap")
    subprocess.run(
        ["sh", program, "--variant=minbase", "bookworm", str(target), debian_mirror()],
        env={**os.environ, "DEBOOTSTRAP_DIR": str(found / "usr/share/debootstrap")}, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def host(image: Stage) -> Iterator[tuple[subprocess.Popen[bytes], Stage]]:
    """The container's own command on a read-only root, as its own user; here it listens on loopback."""
    image.environment |= {"HEADWATER_LISTEN_HOST": "127.0.0.1", "HEADWATER_LISTEN_PORT": str(free_port())}
    process = subprocess.Popen(run_in(image, [*image.entrypoint, *image.command], read_only=True))
    yield process, image
    process.terminate()
    assert process.wait(60) == 0


def ask(image: Stage, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(run_in(image, command, read_only=True), capture_output=True, text=True, check=False)


def test_the_health_check_says_when_it_answers(host: tuple[subprocess.Popen[bytes], Stage]) -> None:
    process, image = host
    deadline = time.monotonic() + 120
    while ask(image, *image.healthcheck).returncode:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_it_writes_its_data_and_nothing_else(host: tuple[subprocess.Popen[bytes], Stage]) -> None:
    _, image = host
    ids = Path(f"/proc/{host[0].pid}/status").read_text()

    assert "Uid:\t10001\t10001" in ids
    assert (image.path / "var/lib/headwater/headwater.db").stat().st_uid == 10001
    assert "Read-only file system" in ask(image, "sh", "-c", "echo > /opt/headwater/x").stderr


def test_commands_run_beside_the_host(host: tuple[subprocess.Popen[bytes], Stage]) -> None:
    _, image = host

    added = ask(image, "headwater", "ds", "add", "demo", "--type", "testdata")
    queried = ask(image, "headwater", "query", "demo", "random_walk", "--limit", "1", "--output", "csv")

    assert added.returncode == queried.returncode == 0, added.stderr + queried.stderr


def test_the_image_has_no_compiler_and_the_plugins(image: Stage) -> None:
    listed = ask(image, "headwater", "plugin", "list")

    assert not (image.path / "usr/bin/g++").exists()
    for plugin in ("mysql", "prometheus", "clickhouse", "postgresql", "sqlite", "testdata"):
        assert plugin in listed.stdout
