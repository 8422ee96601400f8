"""The host object behind a command: the data directory's store and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from headwater_server.data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater import Headwater

pass_directory = click.make_pass_decorator(DataDirectory)


@contextmanager
def open_headwater(directory: DataDirectory) -> Iterator[Headwater]:
    """A host on `directory`, closed at the end. The first one makes a key, and says so.

    Raises StoreError, EncryptionKeyError.
    """
    from headwater import Headwater
    from headwater.secrets import DirectoryKeySource, EnvironmentKeySource
    from headwater_server.store import SqlStore

    from .logs import write_logs_to_stderr

    directory.prepare()
    with closing(SqlStore.open(directory.store_url)) as store:
        is_new = not store.key_records()
        sources = (DirectoryKeySource(directory.keys), EnvironmentKeySource())
        with Headwater(store, key_sources=sources) as headwater:
            write_logs_to_stderr(headwater.data_sources.redactor)
            if is_new:
                click.echo(
                    f"Secrets are encrypted with key {store.active_key()} in {directory.keys}; "
                    "back that folder up, apart from the database.",
                    err=True,
                )
            yield headwater
