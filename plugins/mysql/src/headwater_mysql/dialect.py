"""How a session reads SQL text: two of its SQL modes move the ends of strings and names."""

from __future__ import annotations

from functools import cache
from typing import Final

from headwater.sdk.sql import Dialect


@cache
def dialect_of(sql_mode: str) -> Dialect:
    """The dialect of a session with this `@@sql_mode`."""
    modes = sql_mode.upper().split(",")
    return Dialect(
        name_quotes='`"' if "ANSI_QUOTES" in modes else "`",
        backslash_escapes="NO_BACKSLASH_ESCAPES" not in modes,
        hash_comments=True,
        dash_needs_space=True,
    )


DEFAULT: Final = dialect_of("")
