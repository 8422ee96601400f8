"""Where this host looks for its key-encryption keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater.secrets import KeySource

SYSTEMD_CREDENTIALS = "CREDENTIALS_DIRECTORY"
KEYRING_SERVICE = "HEADWATER_KEYRING_SERVICE"


def key_sources(directory: DataDirectory) -> tuple[KeySource, ...]:
    """In order: systemd's credentials, variables `HEADWATER_KEK_*`, the OS keyring if a service is named in
    HEADWATER_KEYRING_SERVICE, and the data directory's `keys`. New keys go to the last two, whichever is
    first."""
    from headwater.secrets import (
        DirectoryKeySource,
        EnvironmentKeySource,
        KeyringKeySource,
        ReadOnlyDirectoryKeySource,
    )

    sources: list[KeySource] = []
    if credentials := os.environ.get(SYSTEMD_CREDENTIALS):
        sources.append(ReadOnlyDirectoryKeySource(credentials))
    sources.append(EnvironmentKeySource())
    if service := os.environ.get(KEYRING_SERVICE):
        sources.append(KeyringKeySource(service))
    sources.append(DirectoryKeySource(directory.keys))
    return tuple(sources)
