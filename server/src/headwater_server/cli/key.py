"""`headwater key`: the keys that encrypt the data keys of all data sources."""

from __future__ import annotations

import click

from headwater_server.data_directory import DataDirectory

from .key_ring import open_keys
from .location import pass_directory
from .plugins import json_option
from .tables import print_records


@click.group()
def key() -> None:
    """Manage the keys that protect stored secrets.

    To change the key: `key add`, make it known to every host, `key activate`, `secrets rewrap`,
    `secrets verify`, `key retire`. Queries go on all the while.
    """


@key.command("list")
@json_option
@pass_directory
def list_keys(directory: DataDirectory, as_json: bool) -> None:
    """List the keys of the store: where each was found, and how many data keys it wraps."""
    from headwater.secrets.rotation import key_status

    with open_keys(directory) as keys:
        statuses = key_status(keys.ring, keys.store)
    records = [
        {
            "key": each.id,
            "state": each.state.value,
            "found in": each.source or "nowhere",
            "is the right one": each.matches,
            "data keys": each.data_keys,
        }
        for each in statuses
    ]
    print_records(records, as_json=as_json, empty="No key yet; the first data source makes one.")


@key.command()
@click.argument("key_id", required=False, default="", metavar="[KEY]")
@pass_directory
def add(directory: DataDirectory, key_id: str) -> None:
    """Add a key that decrypts only, until it is activated.

    KEY is the id of one that a key source has already; without it, or if none has it, a random one is made.
    """
    from headwater.secrets.rotation import add_key

    with open_keys(directory) as keys:
        added = add_key(keys.ring, keys.store, key_id)
        source = keys.ring.source_of(added.id)
        active = keys.store.active_key()
    click.echo(added.id)
    where = source.describe() if source else "no source"
    click.echo(f"Added {added.id} in {where}; back it up, apart from the database.", err=True)
    if active != added.id:
        click.echo(f"When every host has it: headwater key activate {added.id}", err=True)


@key.command()
@click.argument("key_id", metavar="KEY")
@pass_directory
def activate(directory: DataDirectory, key_id: str) -> None:
    """Encrypt with KEY from now on, on every host of this store."""
    from headwater.secrets.rotation import activate as activate_key

    with open_keys(directory) as keys:
        activate_key(keys.ring, keys.store, key_id)
    click.echo(f"Active key: {key_id}. Next: headwater secrets rewrap", err=True)


@key.command()
@click.argument("key_id", metavar="KEY")
@click.option("--forget", is_flag=True, help="Delete it from its source as well.")
@pass_directory
def retire(directory: DataDirectory, key_id: str, forget: bool) -> None:
    """End the use of KEY. Refused while it is active or any data key needs it.

    Backups of the store from before the rewrap still need the key: keep a copy as long as you keep those.
    """
    from headwater.secrets.rotation import retire as retire_key

    with open_keys(directory) as keys:
        retire_key(keys.ring, keys.store, key_id, forget=forget)
    click.echo(f"Retired {key_id}{' and deleted it' if forget else ''}.", err=True)
