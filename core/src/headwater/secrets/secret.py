"""A string that does not show itself."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn, final

MASK = "********"


@final
class Secret:
    """Holds a secret string; `reveal()` is the one way to read it.

    It is opaque to `repr`, `str`, `format`, `attrs.asdict`, `dataclasses.asdict`, `copy`, JSON encoders and
    cattrs, and refuses to be pickled. Equality compares in constant time, and only with another `Secret`. It
    is false when empty, and has no length. A plain class on purpose: `attrs.asdict` would open an attrs one.
    """

    __slots__ = ("__weakref__", "_value")

    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a Secret holds a str, not {type(value).__name__}")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The plain text. Keep it out of messages, logs and attributes that live on."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_utf8(self._value), _utf8(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
