"""The host object behind a command: the data directory's store and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from headwater.errors import StoreError
from headwater_server.data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.network import AddressPolicy
    from headwater.queries import AnswerCache
    from headwater_server.auth.sql_tokens import SqlTokenStore
    from headwater_server.store import SqlStore

_LOCK_SECONDS = 5.0


@contextmanager
def open_headwater(
    directory: DataDirectory,
    middlewares: Sequence[object] = (),
    *,
    degraded: bool = False,
    address_policy: AddressPolicy | None = None,
    answer_cache: AnswerCache | None = None,
    isolate: Sequence[str] = (),
) -> Iterator[Headwater]:
    """A host on `directory`, closed at the end. The first one makes a key, and says so.

    `isolate` names plugins that run in processes, instead of what is configured.

    Raises StoreError; ValidationError for a `headwater.toml` that cannot be; EncryptionKeyError, with
    `degraded` only if there is no place for a first key.
    """
    from headwater import Headwater
    from headwater_server.key_sources import key_sources
    from headwater_server.plugin_sources import plugin_sources

    from .logs import write_logs_to_stderr

    directory.prepare()
    with closing(_open_store(directory)) as store:
        is_new = not store.key_records()
        with Headwater(
            store, named_query_store=store.named_queries, key_sources=key_sources(directory),
            middlewares=middlewares, degraded=degraded, address_policy=address_policy,
            answer_cache=answer_cache, plugin_sources=plugin_sources(directory, isolate),
        ) as headwater:  # fmt: skip
            write_logs_to_stderr(headwater.data_sources.redactor)
            if is_new:
                _say_where_the_key_is(store.active_key(), directory)
            yield headwater


@contextmanager
def open_tokens(directory: DataDirectory) -> Iterator[SqlTokenStore]:
    """The API tokens of `directory`, without a host. Raises StoreError."""
    from headwater_server.auth.sql_tokens import SqlTokenStore

    directory.prepare()
    with closing(_open_store(directory)) as store:
        yield SqlTokenStore(store.engine)


def _say_where_the_key_is(key_id: str, directory: DataDirectory) -> None:
    if (directory.keys / f"{key_id}.key").exists():
        click.echo(
            f"Secrets are encrypted with key {key_id} in {directory.keys}; "
            "back that folder up, apart from the database.",
            err=True,
        )


def _open_store(directory: DataDirectory) -> SqlStore:
    from headwater_server.store import SqlStore

    try:
        return SqlStore.open(directory.store_url, lock_timeout=_LOCK_SECONDS)
    except StoreError as error:
        raise type(error)(f"Data directory {directory.path}: {error}") from error
