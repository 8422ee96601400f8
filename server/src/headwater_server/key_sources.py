"""Where this host looks for its key-encryption keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater.secrets import KeySource

SYSTEMD_CREDENTIALS = "CREDENTIALS_DIRECTORY"


def key_sources(directory: DataDirectory) -> tuple[KeySource, ...]:
    """In order: systemd's credentials, variables `HEADWATER_KEK_*`, the OS keyring if `keyring_service`
    names a service of it, and the data directory's `keys`. New keys go to the last
    two, whichever is first."""
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
    if service := directory.settings["keyring_service"]:
        sources.append(KeyringKeySource(service))
    sources.append(DirectoryKeySource(directory.keys))
    return tuple(sources)
