"""Runs before a plugin, in the process that becomes the plugin's: takes away what a plugin needs not have.

A program of its own, for nothing but exec is safe between fork and exec in a process with threads. Imports
the standard library alone, to be quick.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    imposed = json.loads(sys.argv[1])
    command = sys.argv[2:]
    try:
        _impose(imposed)
        os.execvpe(command[0], command, os.environ)  # noqa: S606 - no shell is what is wanted
    except (OSError, ValueError) as error:
        sys.exit(f"{command[0]} cannot be started: {error}")


def _impose(imposed: dict) -> None:  # type: ignore[type-arg]
    if (cgroup := imposed["cgroup"]) is not None:
        Path(cgroup, "cgroup.procs").write_text(str(os.getpid()))
    _limit(resource.RLIMIT_CORE, 0)  # secrets are in its memory
    for name, kind in (
        ("memory", resource.RLIMIT_DATA),
        ("cpu_seconds", resource.RLIMIT_CPU),
        ("open_files", resource.RLIMIT_NOFILE),
    ):
        if imposed[name] is not None:
            _limit(kind, imposed[name])
    if imposed["account"] is not None:
        uid, gid = imposed["account"]
        if os.geteuid() == 0:
            os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    _end_with(imposed["parent"])


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _end_with(parent: int) -> None:
    """Be killed when the host is no more. After the change of user, which would undo it."""
    if not sys.platform.startswith("linux"):
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the host has ended meanwhile")


main()
