"""What arguments say: secrets, assignments, text from files, and points in time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from headwater.errors import ValidationError
from headwater.secrets import Secret


def read_text(path: str) -> str:
    """The UTF-8 text of a file, or of stdin for `-`. Raises ValidationError with what to do."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ValidationError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "stdin" if path == "-" else path
        raise ValidationError(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; convert it first"
        ) from error


def parse_assignment(text: str, schema: Mapping[str, Any] | None = None) -> tuple[str, Any]:
    """`key=value`, where a value that is JSON (`5`, `true`, `[1]`, `"5"`) is that, and else text.

    `schema` says which keys hold text: `database=2024` is no number.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not key=value")
    try:
        parsed = json.loads(value)
    except ValueError:
        return key, value
    holds_text = ((schema or {}).get("properties", {}).get(key) or {}).get("type") == "string"
    return key, value if holds_text and not isinstance(parsed, str) else parsed


def read_secret(text: str) -> tuple[str, Secret]:
    """`KEY` asks for the value, `KEY=@FILE` reads a file, `KEY=env:NAME` an environment variable.

    A value in the argument itself is refused: other users see the arguments of a process, and shells
    remember them.
    """
    key, equals, source = text.partition("=")
    if not equals:
        return key, Secret(_ask(key))
    if source.startswith("@"):
        return key, Secret(read_text(source[1:]).rstrip("\r\n"))
    if source.startswith("env:"):
        name = source.removeprefix("env:")
        if name not in os.environ:
            raise click.BadParameter(f"environment variable {name} is not set")
        return key, Secret(os.environ[name])
    raise click.BadParameter(
        f"a secret does not belong on the command line; use {key} to be asked, {key}=@FILE, or {key}=env:NAME"
    )


def _ask(key: str) -> str:
    if not sys.stdin.isatty():
        raise click.BadParameter(f"there is no terminal to ask for {key}; use {key}=@FILE or {key}=env:NAME")
    answer: str = click.prompt(key, hide_input=True, err=True)
    return answer
