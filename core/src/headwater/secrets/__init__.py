"""Secrets at rest and in memory: the opaque `Secret`, envelope encryption, key sources, redaction.

Names load on first use, so that `from headwater.secrets import Secret` loads no cryptography.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .cipher import (
        FieldState as FieldState,
        SealedSecrets as SealedSecrets,
        SecretCipher as SecretCipher,
        SecretState as SecretState,
        wrapping_key_id as wrapping_key_id,
    )
    from .envelope import SecretOwner as SecretOwner
    from .key_directory import (
        DirectoryKeySource as DirectoryKeySource,
        ReadOnlyDirectoryKeySource as ReadOnlyDirectoryKeySource,
        read_key_file as read_key_file,
    )
    from .key_sources import (
        EnvironmentKeySource as EnvironmentKeySource,
        InMemoryKeySource as InMemoryKeySource,
        KeyringKeySource as KeyringKeySource,
        RemoteKeySource as RemoteKeySource,
    )
    from .key_store import (
        KeyRecord as KeyRecord,
        KeyState as KeyState,
        KeyStore as KeyStore,
        StoredDataKey as StoredDataKey,
    )
    from .keys import (
        KeyRing as KeyRing,
        KeySource as KeySource,
        LocalKey as LocalKey,
        RemoteKey as RemoteKey,
        WrappingKey as WrappingKey,
    )
    from .redact import RedactingFormatter as RedactingFormatter, Redactor as Redactor
    from .secret import Secret as Secret

_MODULES = {
    "cipher": ("FieldState", "SealedSecrets", "SecretCipher", "SecretState", "wrapping_key_id"),
    "envelope": ("SecretOwner",),
    "key_directory": ("DirectoryKeySource", "ReadOnlyDirectoryKeySource", "read_key_file"),
    "key_sources": ("EnvironmentKeySource", "InMemoryKeySource", "KeyringKeySource", "RemoteKeySource"),
    "key_store": ("KeyRecord", "KeyState", "KeyStore", "StoredDataKey"),
    "keys": ("KeyRing", "KeySource", "LocalKey", "RemoteKey", "WrappingKey"),
    "redact": ("RedactingFormatter", "Redactor"),
    "secret": ("Secret",),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
