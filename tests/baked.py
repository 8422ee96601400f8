"""Projects of the plugin template, and the host that serves them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from built import CleanEnvironment


@frozen
class Project:
    """A project of the plugin template. Its plugin, and a data source, are called `slug` in `environment`.

    `texts` are its files as they were made, by path.
    """

    kind: str
    slug: str
    folder: Path
    texts: Mapping[str, str]
    environment: CleanEnvironment


@frozen
class Site:
    """An HTTP host, and its administrator's token."""

    url: str
    token: str
