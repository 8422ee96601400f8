"""Values that a file does not hold itself: `$__env{NAME}`, `$__file{path}`, `$NAME`, `{$env: NAME}`, `{$file:
path}`.

The spellings inside strings are Grafana's. Unlike there, a variable that is not set is an error: an empty
password would be a different account, not a missing one. What a reference yields is not searched again.
Names such as `__from` are those of macros and stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

_REFERENCE = re.compile(
    r"\$(?:"
    r"(?P<dollar>\$)"
    r"|__(?P<kind>[a-z]+)\{(?P<argument>[^}]*)\}"
    r"|\{(?P<braced>(?!__[a-z])[A-Za-z_][A-Za-z0-9_]*)\}"
    r"|(?P<bare>(?!__[a-z])[A-Za-z_][A-Za-z0-9_]*)"
    r")"
)


class UnresolvedReferenceError(ValueError):
    """A reference to something that is not there. The message names it."""


@frozen
class Resolver:
    """Looks up variables in `environ` and files relative to `directory`."""

    environ: Mapping[str, str]
    directory: Path

    def expand(self, text: str) -> str:
        """`text` with its references replaced; `$$` stands for one dollar sign."""
        return _REFERENCE.sub(self._replace, text)

    def resolve(self, value: Any) -> Any:
        """The value of a mapping `{$env: NAME}` or `{$file: path}`; anything else as it is."""
        if isinstance(value, Mapping) and len(value) == 1:
            (key, argument), *_ = value.items()
            look_up: Callable[[str], str] | None = {"$env": self._env, "$file": self._file}.get(key)
            if look_up is not None:
                return look_up(str(argument))
        return value

    def _replace(self, match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["kind"] == "env":
            return self._env(match["argument"].strip())
        if match["kind"] == "file":
            return self._file(match["argument"].strip())
        if match["kind"]:
            raise UnresolvedReferenceError(f"$__{match['kind']}{{}} is not supported; use $__env or $__file")
        return self._env(match["braced"] or match["bare"])

    def _env(self, name: str) -> str:
        value = self.environ.get(name)
        if value is None:
            raise UnresolvedReferenceError(
                f"the environment variable {name} is not set (write $$ for a dollar sign)"
            )
        return value

    def _file(self, path: str) -> str:
        try:
            return (self.directory / path).read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise UnresolvedReferenceError(f"the file {path} is not UTF-8") from None
        except OSError as error:
            raise UnresolvedReferenceError(f"the file {path} cannot be read: {error.strerror}") from error
