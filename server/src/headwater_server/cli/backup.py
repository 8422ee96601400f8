"""`headwater backup` and `headwater restore`: the store and its keys, each in a file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.errors import StoreError
from headwater_server.data_directory import DataDirectory

from .failures import SECRET
from .key_ring import open_keys
from .location import pass_directory

if TYPE_CHECKING:
    from headwater_server.backup import Backup

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--keys", "key_file", type=_FILE, help="Write the keys, too, to this file: keep it elsewhere.")
@pass_directory
def backup(directory: DataDirectory, file: Path, key_file: Path | None) -> None:
    """Write the store to FILE, and its keys to another if they are asked for.

    FILE has data sources, secrets as they are encrypted, named queries and tokens, in the state of one
    moment: hosts may go on writing. Without its keys nobody can read the secrets in it; with --keys they go
    to another file, readable by its owner only. Who is signed in is not in it.
    """
    from headwater_server.backup import write_backup, write_keys

    if not file.parent.is_dir():
        raise click.UsageError(f"There is no folder {file.parent}.")
    if key_file is not None and key_file.resolve() == file.resolve():
        raise click.UsageError("Keys go to a file of their own: --keys names the same as FILE.")
    if not directory.has_store:
        raise StoreError(
            f"There is no store in {directory.path}, so there is nothing to back up. Name the host's "
            "by --data-dir, HEADWATER_CONFIG or HEADWATER_STORE_URL."
        )
    with open_keys(directory) as keys:
        _say("Wrote", written := write_backup(keys.store.engine, file))
        ids = [record.id for record in keys.store.key_records()]
        if key_file is None:
            if ids:
                click.echo(f"Without the keys: {', '.join(ids)}. Keep them, too, and apart.", err=True)
            return
        kept, missing = write_keys(keys.ring, ids, key_file)
    click.echo(f"Wrote {len(kept)} keys to {key_file}: keep that apart from {written.path}.", err=True)
    if missing:
        raise click.ClickException(
            f"Not in {key_file}: {', '.join(missing)}; no source has them here, or theirs gives no key away."
        )


@click.command()
@click.argument("file", type=_FILE)
@click.option("--keys", "key_file", type=_FILE, help="Put the keys of this file into the data directory.")
@click.option("--replace", is_flag=True, help="Replace what is in the store, which must be empty otherwise.")
@click.option("--dry-run", is_flag=True, help="Check FILE, and restore nothing.")
@pass_directory
@click.pass_context
def restore(
    context: click.Context,
    directory: DataDirectory,
    file: Path,
    key_file: Path | None,
    replace: bool,
    dry_run: bool,
) -> None:
    """Put what `backup` wrote to FILE into the store of the data directory.

    All of FILE is checked before: checksum, counts, schema. The store may be of another engine than the one
    that was backed up, and FILE of an older version. Exits with 3 if a key is missing afterwards.
    """
    from headwater.secrets.rotation import key_status
    from headwater_server.backup import read_backup, read_keys, restore as restore_store, restore_keys

    found = read_backup(file)
    given = read_keys(key_file) if key_file is not None else {}
    if dry_run:
        _say("Good:", found)
        return
    directory.prepare()
    if given:
        restore_keys(given, directory.keys)
    with open_keys(directory) as keys, closing(keys.store):
        restore_store(keys.store.engine, found, replace=replace)
        statuses = key_status(keys.ring, keys.store)
    _say("Restored", found)
    lacking = [each.id for each in statuses if each.data_keys and not each.matches]
    if lacking:
        click.echo(f"Secrets cannot be opened without: {', '.join(lacking)}. Restore these keys.", err=True)
    context.exit(SECRET if lacking else 0)


def _say(what: str, backup: Backup) -> None:
    """One line on stderr, and the checksum on stdout."""
    counts = ", ".join(
        f"{backup.counts.get(f'headwater_{table}', 0)} {noun}"
        for table, noun in (
            ("data_source", "data sources"),
            ("secret", "secrets"),
            ("named_query", "versions of named queries"),
            ("api_token", "tokens"),
        )
    )
    click.echo(f"{what} {backup.path}: {counts}; schema {backup.schema}, {backup.made}.", err=True)
    click.echo(f"sha256:{backup.checksum}")
