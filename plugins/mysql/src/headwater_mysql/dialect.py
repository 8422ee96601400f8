"""How a session reads SQL text: some of its SQL modes move the ends of strings and names."""

from __future__ import annotations

from functools import cache
from typing import Final

from headwater.sdk.sql import Dialect, Placeholders

Readings = tuple[Dialect, ...]
"""How a session may read text, the likeliest way first. One only where its `@@sql_mode` is known."""


@cache
def dialect_of(sql_mode: str) -> Dialect:
    """The dialect of a session with this `@@sql_mode`, which lists the parts of modes such as ANSI, too."""
    modes = sql_mode.upper().split(",")
    if "NO_BACKSLASH_ESCAPES" in modes:
        escapes = ""
    elif "ANSI_QUOTES" in modes:
        escapes = "'"  # "…" is a name there
    else:
        escapes = "'\""
    quotes = "'\"`[" if "MSSQL" in modes else "'\"`"
    return Dialect(quotes, backslash_escapes=escapes, hash_comments=True, dash_needs_space=True)


DEFAULT: Final = dialect_of("")

PLACEHOLDERS: Final = Placeholders(no_values="SELECT NULL FROM DUAL WHERE FALSE")


def quoted(name: str) -> str:
    """`name` as an identifier, in any SQL mode."""
    return "`" + name.replace("`", "``") + "`"


def readings_of(sql_mode: str | None) -> Readings:
    """`sql_mode`: None for a server, or a proxy before it, that does not tell."""
    return _UNKNOWN if sql_mode is None else (dialect_of(sql_mode),)


_UNKNOWN: Final[Readings] = (DEFAULT, dialect_of("ANSI_QUOTES"), dialect_of("NO_BACKSLASH_ESCAPES"))
"""Without MSSQL, which is MariaDB's: that tells."""
