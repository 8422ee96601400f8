"""Completion in shells: the script that a shell loads, and the names that it offers."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from headwater_server.plugin_sources import FILES_VARIABLE

from .location import Location

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from .targets import Target

COMPLETION_VARIABLE = "_HEADWATER_COMPLETE"

# Unlike click's own: bash breaks words at colons too (those of a URL), so the line goes as a whole; names are
# quoted where the user has not begun to quote them; and no name is read as a pattern of files.
_BASH = """\
%(complete_func)s() {
    local type value word="${COMP_WORDS[COMP_CWORD]}" line="${COMP_LINE:0:COMP_POINT}" begun=""
    if [[ "$word" != [\\"\\']* && "$COMP_WORDBREAKS" == *:* ]]; then
        begun="${line##*[[:blank:]]}"
        begun="${begun%%"${begun##*:}"}"
    fi
    while IFS=, read -r type value; do
        if [[ "$type" == dir ]]; then
            compopt -o dirnames
        elif [[ "$type" == file ]]; then
            compopt -o default
        elif [[ "$type" == plain ]]; then
            [[ "$word" == [\\"\\']* ]] || printf -v value '%%q' "$value"
            COMPREPLY+=("${value#"$begun"}")
        fi
    done < <(COMP_WORDS="$line" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


def complete_what_is_typed() -> None:
    """Mends click's completion, where that spoils what is typed already."""
    from click.shell_completion import (
        BashComplete,
        FishComplete,
        ShellComplete,
        ZshComplete,
        add_completion_class,
        split_arg_string,
    )

    class OwnBash(BashComplete):
        source_template = _BASH

        def get_completion_args(self) -> tuple[list[str], str]:
            words = split_arg_string(f"{os.environ['COMP_WORDS']}_")  # marks the cursor: it has a word
            return words[1:-1], words[-1][:-1]

    class WholeWord(ShellComplete):
        """These shells put a value in the place of the whole `--option=value`."""

        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
            items = super().get_completions(args, incomplete)
            option, equals, _ = incomplete.partition("=")
            for item in items:
                if equals and option.startswith("-") and item.type == "plain":
                    item.value = f"{option}={item.value}"
            return items

    class OwnZsh(WholeWord, ZshComplete):
        pass

    class OwnFish(WholeWord, FishComplete):
        pass

    for kind in (OwnBash, OwnZsh, OwnFish):
        add_completion_class(kind)


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

    complete_what_is_typed()
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "headwater", COMPLETION_VARIABLE).source())


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
    if given.get("plugin_files"):  # nothing runs the command that would say so
        os.environ[FILES_VARIABLE] = os.pathsep.join(map(os.path.abspath, given["plugin_files"]))
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


def complete_plugins_and_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Ids of plugins, and files of plugins."""
    return complete_plugins(context, parameter, incomplete) or complete_files(context, parameter, incomplete)


def complete_files(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Whatever files the shell finds."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
