"""Says of built files what they are and what they were built from: `python -m provenance dist`.

Writes `SHA256SUMS`, and `provenance.json`: an in-toto statement with SLSA's provenance, unsigned. The release
workflow signs one of its own for the same files, which GitHub and PyPI keep.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

REPOSITORY = "https://github.com/headwater-data/headwater"
_TOOLS = ("build", "hatchling")
_OWN = ("SHA256SUMS", "provenance.json")


def write(folder: Path) -> None:
    """Describe every file of `folder`."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _OWN)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    (folder / "provenance.json").write_text(json.dumps(statement(sums), indent=2) + "\n")


def statement(sums: dict[str, str]) -> dict[str, Any]:
    """The statement about files with these SHA-256 digests, by name.

    https://in-toto.io/Statement/v1, https://slsa.dev/spec/v1.0/provenance
    """
    commit = _git("rev-parse", "HEAD")
    run = os.environ.get("GITHUB_RUN_ID")
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sums.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{REPOSITORY}/blob/main/docs/how-to/release.md",
                "externalParameters": {
                    "repository": REPOSITORY,
                    "changed": bool(_git("status", "--porcelain")),
                },
                "internalParameters": {"python": platform.python_version(), "machine": platform.machine()},
                "resolvedDependencies": [
                    {"uri": f"git+{REPOSITORY}@{commit}", "digest": {"gitCommit": commit}},
                    *({"uri": f"pkg:pypi/{tool}@{version(tool)}"} for tool in _TOOLS),
                ],
            },
            "runDetails": {
                "builder": {"id": f"{REPOSITORY}/actions" if run else "local"},
                "metadata": {"invocationId": f"{REPOSITORY}/actions/runs/{run}"} if run else {},
            },
        },
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
