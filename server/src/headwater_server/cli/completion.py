"""Completion in shells: the script that a shell loads, and the names that it offers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from .location import Location

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from .targets import Target

_VARIABLE = "_HEADWATER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what bash, zsh or fish loads to complete what is typed.

    That is commands, options, data sources, tables, plugins and files.

    \b
    bash, in ~/.bashrc:                   eval "$(headwater completion bash)"
    zsh, in ~/.zshrc, after compinit:     eval "$(headwater completion zsh)"
    fish, in ~/.config/fish/config.fish:  headwater completion fish | source
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "headwater", _VARIABLE).source())


def complete_data_sources(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001 - click calls it so
    incomplete: str,
) -> list[CompletionItem]:
    """Names of data sources, each with its type."""
    return offered(
        context, incomplete, lambda target: ((each["name"], each["type"]) for each in target.data_sources())
    )


def complete_plugins(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Ids of plugins."""
    return offered(context, incomplete, lambda target: ((each.id, each.state) for each in target.plugins()))


def offered(
    context: click.Context, incomplete: str, ask: Callable[[Target], Iterable[tuple[str, str]]]
) -> list[CompletionItem]:
    """What `ask` finds, names and what to say of each, as far as it begins so.

    Nothing where nothing can be known: a shell is no place for errors, and whoever presses a key makes no
    data directory by that.
    """
    from click.shell_completion import CompletionItem

    given = context.find_root().params
    location = Location(given.get("data_dir"), given.get("host") or "", given.get("token_file") or "")
    if location.token_file == "-":  # noqa: S105 - stdin
        return []
    with contextlib.suppress(Exception), contextlib.redirect_stderr(io.StringIO()):
        if not location.host and not location.directory.path.exists():
            return []
        from .targets import open_target

        with open_target(location) as target:
            return [
                CompletionItem(name, help=about)
                for name, about in ask(target)
                if name.lower().startswith(incomplete.lower())
            ]
    return []


def complete_files(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Whatever files the shell finds."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
