"""`headwater token`: API tokens of a data directory."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from headwater.errors import ValidationError
from headwater_server.data_directory import DataDirectory

from .location import pass_directory
from .plugins import json_option
from .tables import print_records
from .workspace import open_tokens

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@click.group()
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command()
@click.argument("name")
@click.option("--role", metavar="ROLE", help="viewer (query), editor (and read), admin (everything).")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="datasources:read|write|query, each with :UID for one data source; queries:read|write|run, with :ID "
    "for one named query; secrets:write.",
)
@click.option(
    "--expires", metavar="DURATION", help="How long it is good for: 12h, 30d, 52w. For ever by default."
)
@pass_directory
def create(
    directory: DataDirectory, name: str, role: str | None, scopes: tuple[str, ...], expires: str | None
) -> None:
    """Create a token called NAME and print it, this one time."""
    from headwater_server.auth import ApiToken, Role, Scope, new_token

    if role is None and not scopes:
        raise click.UsageError("A token needs --role or --scope.")
    made = new_token()
    stored = ApiToken(
        name=name,
        digest=made.digest,
        role=None if role is None else Role.parse(role),
        scopes=tuple(map(Scope.parse, scopes)),
        expires=None if expires is None else datetime.now(UTC) + _duration(expires),
    )
    with open_tokens(directory) as tokens:
        tokens.add(stored)
    click.echo(made.secret.reveal())
    until = "until it is revoked" if stored.expires is None else f"until {stored.expires:%Y-%m-%d %H:%M} UTC"
    click.echo(f"Created token {name}, good {until}. It is not stored and not shown again.", err=True)


@token.command("list")
@json_option
@pass_directory
def list_tokens(directory: DataDirectory, as_json: bool) -> None:
    """List the tokens: what each may do, and whether it still may."""
    with open_tokens(directory) as tokens:
        stored = tokens.list()
    now = datetime.now(UTC)
    records = [
        {
            "name": each.name,
            "role": each.role or "",
            "scopes": " ".join(map(str, each.scopes)),
            "state": each.refusal(now) or "good",
            "created": _shown(each.created),
            "expires": _shown(each.expires),
            "last used": _shown(each.last_used),
        }
        for each in stored
    ]
    print_records(
        records, as_json=as_json, empty="No tokens yet; try: headwater token create NAME --role viewer"
    )


@token.command()
@click.argument("name")
@pass_directory
def revoke(directory: DataDirectory, name: str) -> None:
    """Revoke the token called NAME, for good. A running host refuses it within five seconds."""
    with open_tokens(directory) as tokens:
        tokens.revoke(name)
    click.echo(f"Revoked token {name}.", err=True)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is None or not int(found[1]):
        raise ValidationError(f"{text!r} is not a duration; write 12h, 30d or 52w", path="expires")
    try:
        return int(found[1]) * _UNITS[found[2]]
    except OverflowError:
        raise ValidationError(f"{text!r} is too long", path="expires") from None


def _shown(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
