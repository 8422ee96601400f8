"""What the values of settings may be. Each of these is a click callback, and raises click.BadParameter."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from headwater.queries import CacheRule
    from headwater_server.auth import Role
    from headwater_server.serving.logs import LogFormat

_MOST_WORKERS = 256


def cache_rule(_context: click.Context, _option: click.Parameter, text: str) -> CacheRule:
    from headwater.errors import ValidationError
    from headwater.queries import CacheRule

    try:
        return CacheRule.from_settings(text)
    except ValidationError as error:
        raise click.BadParameter(error.reason) from None


def networks(_context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...]:
    """The parts of a list divided by commas, each of which is a network; none if nothing is given."""
    from headwater.errors import ValidationError
    from headwater.network import AddressPolicy

    if text is None:
        return ()
    parts = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not parts:
        raise click.BadParameter("no network is given")
    try:
        AddressPolicy(**{(option.name or "").removesuffix("_addresses"): parts})
    except ValidationError as error:
        raise click.BadParameter(error.reason) from None
    return parts


def role(_context: click.Context, _option: click.Parameter, text: str | None) -> Role | None:
    from headwater.errors import ValidationError
    from headwater_server.auth import Role

    try:
        return Role.parse(text) if text else None
    except ValidationError as error:
        raise click.BadParameter(error.reason) from None


def web_address(_context: click.Context, _option: click.Parameter, text: str) -> str:
    parts = urlsplit(text)
    if text and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
    ):
        raise click.BadParameter("give an address such as https://data.example.org/headwater/")
    return text


def origins(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Origins as browsers send them, so that they are compared letter for letter."""
    for text in texts:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or text != f"{parts.scheme}://{parts.netloc.lower()}":
            raise click.BadParameter(
                f"{text!r} is not the origin of a page: scheme, name in small letters, and port if it is not "
                "the scheme's own, such as https://app.example.org"
            )
    return texts


def worker_count(_context: click.Context, _option: click.Parameter, text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise click.BadParameter(f"give a number from 1 to {_MOST_WORKERS}, or auto")
    return int(text)


def log_format(_context: click.Context, _option: click.Parameter, form: LogFormat | None) -> LogFormat | None:
    """Before other options are looked at: a fault of theirs is said on stderr, too."""
    write_json_only(form)
    return form


def write_json_only(form: LogFormat | None) -> None:
    if form == "json":
        from headwater_server.serving.logs import JsonLines

        sys.stderr = JsonLines(sys.stderr)


class TextOrNumber(click.types.StringParamType):
    """Text that may be a whole number in a file."""

    name = "text or number"
