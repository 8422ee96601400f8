"""A click group that imports a subcommand's module only when that subcommand runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@frozen
class LazyCommand:
    """Where a command is, and the line that help shows of it, so that help imports nothing."""

    module: str
    attribute: str
    summary: str


class LazyGroup(click.Group):
    """Commands by name. One whose module is not installed does not exist."""

    def __init__(self, *args: object, lazy: Mapping[str, LazyCommand], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, context: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name, command in self._lazy.items() if _is_installed(command.module)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        lazy = self._lazy[name]
        command: click.Command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _reader_may_leave():  # while it reads the help
            return super().make_context(*args, **kwargs)

    def invoke(self, context: click.Context) -> object:
        with _reader_may_leave():
            return super().invoke(context)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands by their summaries; asking each would import all."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(context) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self._lazy[name].summary) for name in names]
        return commands + click.Command.shell_complete(self, context, incomplete)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._lazy[name].summary) for name in self.list_commands(context)])


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ends as a program whose reader wants no more (`| head`)."""
    try:
        yield
    except BrokenPipeError:
        from .failures import READER_GONE

        # Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(READER_GONE) from None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # it is of a distribution that is not here
        return False
