"""From what the command line names to a target."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from headwater.errors import ValidationError
from headwater.secrets import Secret
from headwater_server.cli.inputs import read_text
from headwater_server.cli.location import Location
from headwater_server.cli.workspace import open_headwater
from headwater_server.plugin_sources import plugin_sources

from .target import Target

if TYPE_CHECKING:
    from headwater.plugins import PluginSource

TOKEN_VARIABLE = "HEADWATER_TOKEN"  # noqa: S105 - the name of a variable


@contextmanager
def open_target(location: Location) -> Iterator[Target]:
    """The remote host if the command names one, else the data directory. Closed at the end."""
    if location.host:
        with _open_remote(location) as remote:
            yield remote
        return
    with open_headwater(location.directory) as headwater:
        yield Target(headwater)


@contextmanager
def open_plugins(location: Location) -> Iterator[Target]:
    """A target for questions about plugins: makes no data directory."""
    if location.host:
        with _open_remote(location) as remote:
            yield remote
        return
    from headwater import Headwater

    with Headwater(plugin_sources=_plugin_sources(location)) as headwater:
        yield Target(headwater)


def _plugin_sources(location: Location) -> tuple[PluginSource, ...]:
    try:
        directory = location.directory
    except ValidationError:  # no folder can be named, so no file in it says where plugins run
        return ()
    return plugin_sources(directory)


@contextmanager
def _open_remote(location: Location) -> Iterator[Target]:
    from headwater import connect

    token = _token(location)
    try:
        host = connect(location.host, token=token or "", allow_http=True)
    except ValidationError as error:
        # The one secret here has another name than a data source's.
        path = (location.token_file or TOKEN_VARIABLE) if "bearerToken" in error.path else error.path
        raise ValidationError(error.reason, path=path) from None
    with host:
        if token is not None and host.sends_in_clear:
            click.echo(f"warning: the token goes to {host.origin} unencrypted; use https.", err=True)
        yield Target(host)


def _token(location: Location) -> Secret | None:
    """From the file, else from the environment; None for a host that lets anybody in."""
    text = read_text(location.token_file) if location.token_file else os.environ.get(TOKEN_VARIABLE, "")
    return Secret(text.strip()) if text.strip() else None
