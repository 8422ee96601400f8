"""Secrets at rest and in memory: the opaque `Secret`, envelope encryption, key sources, redaction.

Names resolve on first use, so that `from headwater.secrets import Secret` loads no cryptography.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cipher import FieldState, SecretCipher, SecretState
    from .key_directory import DirectoryKeySource, ReadOnlyDirectoryKeySource
    from .key_sources import (
        EnvironmentKeySource,
        InMemoryKeySource,
        KeyringKeySource,
        RemoteKeySource,
    )
    from .keys import KeyRing, KeySource, LocalKey, RemoteKey, WrappingKey
    from .redact import RedactingFormatter, Redactor
    from .secret import Secret

_HOMES = {
    "FieldState": "cipher",
    "SecretCipher": "cipher",
    "SecretState": "cipher",
    "DirectoryKeySource": "key_directory",
    "ReadOnlyDirectoryKeySource": "key_directory",
    "EnvironmentKeySource": "key_sources",
    "InMemoryKeySource": "key_sources",
    "KeyringKeySource": "key_sources",
    "RemoteKeySource": "key_sources",
    "KeyRing": "keys",
    "KeySource": "keys",
    "LocalKey": "keys",
    "RemoteKey": "keys",
    "WrappingKey": "keys",
    "RedactingFormatter": "redact",
    "Redactor": "redact",
    "Secret": "secret",
}

__all__ = [
    "DirectoryKeySource",
    "EnvironmentKeySource",
    "FieldState",
    "InMemoryKeySource",
    "KeyRing",
    "KeySource",
    "KeyringKeySource",
    "LocalKey",
    "ReadOnlyDirectoryKeySource",
    "RedactingFormatter",
    "Redactor",
    "RemoteKey",
    "RemoteKeySource",
    "Secret",
    "SecretCipher",
    "SecretState",
    "WrappingKey",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
