"""`ProcessLimits`: what a plugin's process may take, and who it runs as."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from attrs.converters import optional

from headwater.errors import ValidationError

_LAUNCHER = Path(__file__).with_name("launcher.py")


def _above_zero(_: object, attribute: Any, value: int | None) -> None:
    if value is not None and value <= 0:
        raise ValidationError("must be above zero", path=attribute.name)


@frozen
class ProcessLimits:
    """Limits of one plugin process; None leaves one out.

    * `memory`: bytes of its data, as RLIMIT_DATA counts them. What exceeds them fails there, as memory that
      the machine does not have.
    * `cpu_seconds`: of processor time in all; then the process is killed, and started again when needed.
    * `open_files`: files and sockets.
    * `cgroup`: the folder of a cgroup (version 2) that the operator has made, with limits; the process joins.
    * `user`: the account, by name, that the process runs as. Only root can say so.
    """

    memory: int | None = field(default=None, validator=_above_zero)
    cpu_seconds: int | None = field(default=None, validator=_above_zero)
    open_files: int | None = field(default=None, validator=_above_zero)
    cgroup: Path | None = field(default=None, converter=optional(Path))
    user: str | None = None

    @property
    def account(self) -> tuple[int, int] | None:
        """Uid and gid to run as. Raises ValidationError for an unknown user, or without root's rights."""
        if self.user is None:
            return None
        try:
            entry = pwd.getpwnam(self.user)
        except KeyError as error:
            raise ValidationError(f"there is no user {self.user!r}", path="user") from error
        if os.geteuid() not in {0, entry.pw_uid}:
            raise ValidationError("only root can run plugins as another user", path="user")
        return entry.pw_uid, entry.pw_gid

    def launching(self, command: Sequence[str]) -> list[str]:
        """`command` behind the launcher that imposes these. Raises ValidationError."""
        imposed = {
            "memory": self.memory,
            "cpu_seconds": self.cpu_seconds,
            "open_files": self.open_files,
            "cgroup": None if self.cgroup is None else str(self.cgroup),
            "account": self.account,
            "parent": os.getpid(),
        }
        return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(imposed), *command]
