"""`Guardian`: what a plugin has started ends with the host, also with one that is killed."""

from __future__ import annotations

import subprocess
from contextlib import suppress

_SCRIPT = 'read -r _ || kill -9 "-$0"'


class Guardian:
    """Kills the process group `group` when this process is no more.

    The kernel sees to the plugin's process itself, but not to those that it has started. So a shell waits for
    a pipe to end whose other end only this process holds, and those that it forks.
    """

    def __init__(self, group: int) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # a machine without a shell
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, str(group)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """The group is no more: its number may soon be another's."""
        if self._shell is not None:
            self._shell.communicate(b"\n")  # also if somebody has killed it
