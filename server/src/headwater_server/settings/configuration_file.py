"""`headwater.toml`: what may stand in it, and where in it a fault is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import define, field

from headwater.errors import ValidationError

TABLES = ("process_limits", "oidc")
"""Tables whose keys are checked where they are used."""

Key = tuple[str, ...]


@define
class ConfigurationFile:
    """The members of a TOML file. Relative paths in it start at its folder."""

    path: Path
    members: Mapping[str, Any] = field(factory=dict)
    text: str = field(default="", repr=False)

    def error(self, key: Key, reason: str) -> ValidationError:
        """A fault at `key`: `headwater.toml:3: process_limits.memory: …`."""
        return ValidationError(reason, path=f"{self.place(key)}: {'.'.join(key)}")

    def place(self, key: Key) -> str:
        """`headwater.toml:3`: the line on which what is said of `key` begins."""
        lines = self._lines
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in lines), None)
        return f"{self.path.name}:{lines[known]}" if known else self.path.name

    def leaves(self) -> Iterator[tuple[Key, Any]]:
        """What is in tables, each value with its key."""
        for table in TABLES:
            for key, value in _flat(self.members.get(table, {}), (table,)):
                if not isinstance(value, Mapping):
                    yield key, value

    @cached_property
    def _lines(self) -> Mapping[Key, int]:
        """The line of each key. TOML's parser tells none, but a beginning of the file that is TOML itself
        has the keys up to there: a statement starts where the beginning before it ends."""
        import tomllib

        found: dict[Key, int] = {}
        lines = self.text.splitlines(keepends=True)
        start = 1
        for end in range(1, len(lines) + 1):
            try:
                members = tomllib.loads("".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue
            for key, _ in _flat(members):
                found.setdefault(key, start)
            start = end + 1
        return found


def nearest(name: str, names: Collection[str]) -> str:
    """The one of `names` that was probably meant; empty if none is close."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, names, 1, cutoff=0.75)), "")


def _flat(members: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every key, those of tables within tables too, with its value."""
    for name, value in members.items():
        yield (*above, name), value
        if isinstance(value, Mapping):
            yield from _flat(value, (*above, name))
