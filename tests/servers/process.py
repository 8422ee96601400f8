"""Real servers for the tests: found on the path or fetched once, started on loopback, ended by pid."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

import pytest

START_SECONDS = 60.0
STOP_SECONDS = 10.0


def unavailable(reason: str) -> NoReturn:
    """Skip loudly because a server can't be had; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"server unavailable: {reason}")
    pytest.skip(f"server unavailable: {reason}")


def cache_directory(name: str) -> Path:
    """Where fetched servers are kept between runs. HEADWATER_TEST_CACHE moves it."""
    root = os.environ.get("HEADWATER_TEST_CACHE") or Path.home() / ".cache" / "headwater-tests"
    path = Path(root) / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def no_file_descriptors_left() -> Iterator[None]:
    """This process can open nothing within the block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    opened: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in opened:
            os.close(descriptor)


def find_program(*names: str) -> str | None:
    """The first of `names` on the path, or in the folders where Debian keeps servers."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    return None


def ended_with_parent() -> list[str]:
    """What to put before a command, so that it ends even if these tests are killed."""
    setpriv = find_program("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


class ServerProcess:
    """One server process with a folder of its own. Ends with the `with` block, whatever happens in it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        ready: Callable[[], bool],
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._own_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="headwater-server-"))
        self.name = Path(command[0]).name
        self.log = self.directory / "server.log"
        self._ready = ready
        self._start_seconds = start_seconds
        self._command = [*ended_with_parent(), *command]
        self._environment = None if environment is None else {**os.environ, **environment}
        self._stdin = stdin
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self.directory,
                stdin=self._stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_ready(self) -> Self:
        """Return when `ready` says so; fail with the server's own last words if it ends or takes too long."""
        deadline = time.monotonic() + self._start_seconds
        while not self._ready():
            if self.process.poll() is not None:
                self._fail(f"ended with status {self.process.returncode}")
            if time.monotonic() > deadline:
                self._fail(f"not ready after {self._start_seconds:g} s")
            time.sleep(0.05)
        return self

    def _fail(self, what: str) -> NoReturn:
        words = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name}: {what}\n{words}")

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)

    def start_again(self) -> Self:
        """After `kill`: the same command, on what the killed one left."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = self._start()
        return self.wait_ready()

    def stop(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.wait_ready()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def fetch_npm_package(name: str, version: str) -> Path:
    """The unpacked npm package, from the cache or the registry. Skips if npm or the registry is missing."""
    target = cache_directory("npm") / f"{name.replace('/', '-').lstrip('@')}-{version}"
    if (target / "package").is_dir():
        return target / "package"
    if (npm := find_program("npm")) is None:
        unavailable(f"npm is needed to fetch {name}")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        packed = subprocess.run(
            [npm, "pack", "--silent", f"{name}@{version}"],
            cwd=scratch, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        archives = list(Path(scratch).glob("*.tgz"))
        if packed.returncode or not archives:
            unavailable(f"npm could not fetch {name}@{version}: {packed.stderr.strip()[-300:]}")
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        subprocess.run(["tar", "-xzf", str(archives[0]), "--no-same-owner"], cwd=unpacked, check=True)
        _publish(unpacked, target)
    return target / "package"


def fetch_debian_packages(
    label: str, packages: Sequence[str], *, suite: str, with_dependencies: bool, skip: Sequence[str] = ()
) -> Path:
    """A folder with `packages` of another Debian suite unpacked: nothing is installed on the machine.

    With dependencies the whole closure is fetched, the C library included, by giving apt an empty status
    file. `skip` names package prefixes that are left packed. Suite "" is the machine's own.
    """
    suite = suite or own_suite()
    target = cache_directory("debian") / f"{suite}-{label}"
    if target.is_dir():
        return target
    if find_program("apt-get") is None or find_program("dpkg") is None:
        unavailable(f"apt is needed to fetch {', '.join(packages)}")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        archives = _download_debian(Path(scratch), packages, suite, with_dependencies)
        unpacked = Path(scratch) / "root"
        unpacked.mkdir()
        for archive in archives:
            if not archive.name.startswith(tuple(skip)):
                subprocess.run(["dpkg", "-x", str(archive), str(unpacked)], check=True, capture_output=True)
        _publish(unpacked, target)
    return target


def _download_debian(
    scratch: Path, packages: Sequence[str], suite: str, with_dependencies: bool
) -> list[Path]:
    for folder in ("lists/partial", "archives/partial"):
        (scratch / folder).mkdir(parents=True)
    status = scratch / "status"
    status.touch()
    sources = scratch / "sources.list"
    sources.write_text(
        f"deb [trusted=yes] {debian_mirror()} {suite} main universe\n"
    )  # the latter is Ubuntu's
    options = [
        f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::Lists={scratch}/lists", f"Dir::State::status={status}",
        f"Dir::Cache::Archives={scratch}/archives",
        f"Dir::Cache::pkgcache={scratch}/pkgcache.bin", f"Dir::Cache::srcpkgcache={scratch}/srcpkgcache.bin",
        "APT::Sandbox::User=root", "Acquire::Languages=none",
    ]  # fmt: skip
    base = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    fetch = (
        [*base, "-y", "-d", "--no-install-recommends", "install", *packages]
        if with_dependencies
        else [*base, "download", *packages]
    )
    for command in ([*base, "update"], fetch):
        done = subprocess.run(
            command, cwd=scratch / "archives", capture_output=True, text=True, timeout=900, check=False
        )
        if done.returncode:
            unavailable(f"apt could not fetch {', '.join(packages)} of {suite}: {done.stderr.strip()[-300:]}")
    return sorted((scratch / "archives").glob("*.deb"))


def own_suite() -> str:
    """The code name of the machine's release, of which it takes packages: `bookworm`, `noble`."""
    release = Path("/etc/os-release")
    named = (
        dict(line.partition("=")[::2] for line in release.read_text().splitlines())
        if release.exists()
        else {}
    )
    return named.get("VERSION_CODENAME", "").strip('"') or unavailable(
        "the machine's release has no code name"
    )


def library_path(root: Path) -> dict[str, str]:
    """The environment in which programs unpacked from the machine's own suite find their libraries.

    They run with the machine's C library, which must not be among them.
    """
    patterns = ("lib/*-linux-gnu", "usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/pulseaudio")
    folders = (str(folder) for pattern in patterns for folder in root.glob(pattern))
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders)}


C_LIBRARY = ("libc6_", "libc-bin_")


def debian_mirror() -> str:
    """The mirror that the system itself uses, so that no address is written down here."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    mirrors = [uri for uri in listing if "security" not in uri]
    if not mirrors:
        unavailable("apt knows no mirror; run `apt-get update` first")
    return mirrors[0]


def _publish(folder: Path, target: Path) -> None:
    """Move a finished folder to its place at once, so that a half-fetched one is never seen."""
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def eventually(condition: Callable[[], bool], seconds: float = 2.0) -> bool:
    """Whether `condition` becomes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return held


def stop(pid: int) -> None:
    """Have a process stand still: the signal alone leaves a thread that runs the time to do more."""

    def stopped(thread: Path) -> bool:
        return thread.read_text().rpartition(")")[2].split()[0] in "Tt"

    os.kill(pid, signal.SIGSTOP)
    assert eventually(lambda: all(map(stopped, Path(f"/proc/{pid}/task").glob("*/stat"))), 30)
