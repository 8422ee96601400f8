"""A real OpenID Connect provider: `oidc-provider` from npm, certified by the OpenID Foundation."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import httpx2

from servers.process import (
    ServerProcess,
    accepts_connections,
    cache_directory,
    find_program,
    free_port,
    unavailable,
)

VERSION = "9.13.3"
SCRIPT = Path(__file__).with_suffix(".mjs")
CLIENT_ID = "headwater"
CLIENT_SECRET = "correct-horse-battery-staple"
API = "https://data.example.org/api"
"""What access tokens for programs are made for."""


@attrs.frozen
class OpenidProvider:
    """`ada` is in the groups analysts and staff, `root` in admins, everybody else in none."""

    issuer: str
    process: ServerProcess

    def access_token(self, audience: str = API) -> str:
        """A program's JWT, of the group loaders."""
        answer = httpx2.post(
            f"{self.issuer}/token",
            data={"grant_type": "client_credentials", "resource": audience},
            auth=("batch-job", "horse-battery-staple-correct"),
            trust_env=False,
        )
        token: str = answer.json()["access_token"]
        return token


@contextmanager
def start_openid_provider(*redirect_uris: str, port: int | None = None) -> Iterator[OpenidProvider]:
    """Browsers may come back to `redirect_uris`."""
    port = port or free_port()
    program = _installed() / SCRIPT.name
    command = [str(find_program("node")), str(program), str(port), *redirect_uris]
    with ServerProcess(command, ready=lambda: accepts_connections(port)) as process:
        yield OpenidProvider(f"http://127.0.0.1:{port}", process)


def _installed() -> Path:
    """The folder with the package and the script."""
    npm = find_program("npm")
    if npm is None or find_program("node") is None:
        unavailable("node and npm are needed to run an OpenID Connect provider")
    folder = cache_directory(f"openid-provider-{VERSION}")
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        install = [npm, "install", "--no-audit", "--no-fund", "--silent", f"oidc-provider@{VERSION}"]
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            unavailable(f"npm could not fetch oidc-provider: {done.stderr.strip()[-300:]}")
    (folder / SCRIPT.name).write_text(SCRIPT.read_text())
    return folder
