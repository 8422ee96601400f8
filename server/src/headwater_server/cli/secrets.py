"""`headwater secrets`: the encrypted secrets of all data sources."""

from __future__ import annotations

import sys

import click

from headwater_server.data_directory import DataDirectory

from .completion import complete_data_sources
from .failures import SECRET
from .key_ring import open_keys
from .location import pass_directory
from .plugins import json_option
from .tables import print_records
from .workspace import open_headwater


@click.group()
def secrets() -> None:
    """Check, rewrap and rotate stored secrets. None of these commands prints one."""


@secrets.command()
@json_option
@pass_directory
def status(directory: DataDirectory, as_json: bool) -> None:
    """Show the state of every secret, and the key it hangs on."""
    with open_keys(directory) as keys:
        records = [
            {
                "data source": each.name,
                "secret": state.name,
                "state": state.state.value,
                "key": state.key_id,
            }
            for each in keys.store.list()
            for state in keys.cipher.states(each.owner, each.secrets).values()
        ]
    print_records(records, as_json=as_json, empty="No secrets yet.")


@secrets.command()
@pass_directory
@click.pass_context
def verify(context: click.Context, directory: DataDirectory) -> None:
    """Open every secret. Exits with 3 if one cannot be opened, and names it."""
    from headwater.secrets.rotation import verify as verify_secrets

    with open_keys(directory) as keys:
        report = verify_secrets(keys.cipher, keys.store)
    click.echo(f"{report.opened} secrets opened, {len(report.bad)} not.", err=True)
    for uid, state in report.bad:
        click.echo(f"{uid}: {state}")
    context.exit(SECRET if report.bad else 0)


@secrets.command()
@click.option("--batch", type=click.IntRange(min=1), default=500, show_default=True, help="Per transaction.")
@pass_directory
@click.pass_context
def rewrap(context: click.Context, directory: DataDirectory, batch: int) -> None:
    """Wrap every data key with the active key. May be stopped and run again at any time.

    Exits with 3 if a data key could not be unwrapped; it is left as it was.
    """
    from headwater.secrets.rotation import rewrap as rewrap_keys

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done} rewrapped", err=True, nl=False)

    with open_keys(directory) as keys:
        report = rewrap_keys(keys.cipher, keys.store, batch=batch, progress=progress)
    end = "\r" if sys.stderr.isatty() else ""
    click.echo(
        f"{end}{report.rewrapped} rewrapped, {report.already} were so already, {len(report.failed)} failed.",
        err=True,
    )
    for failure in report.failed:
        click.echo(failure)
    context.exit(SECRET if report.failed else 0)


@secrets.command()
@click.argument("data_source", required=False, shell_complete=complete_data_sources)
@click.option("--all", "every", is_flag=True, help="Every data source that has secrets.")
@pass_directory
def rotate(directory: DataDirectory, data_source: str | None, every: bool) -> None:
    """Encrypt the secrets of DATA_SOURCE anew, under a new data key. The secrets stay the same."""
    if every == bool(data_source):
        raise click.UsageError("Name a data source, or give --all.")
    with open_headwater(directory) as headwater:
        chosen = headwater.store.list() if data_source is None else [headwater.data_source(data_source)]
        with_secrets = [each for each in chosen if each.secure_json_data]
        for each in with_secrets:
            headwater.data_sources.rotate(each.uid)
    click.echo(f"Encrypted the secrets of {len(with_secrets)} data sources anew.", err=True)
