"""`headwater`: options that every command shares, and the way out."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from headwater_server.data_directory import CONFIGURATION_VARIABLE, ENVIRONMENT_VARIABLE
from headwater_server.plugin_sources import FILES_VARIABLE

from .completion import COMPLETION_VARIABLE, complete_what_is_typed
from .lazy import LazyCommand, LazyGroup
from .location import Location

_HERE = "headwater_server.cli"
COMMANDS = {
    "query": LazyCommand(
        f"{_HERE}.query", "query", "Run a query and print its rows, or write them to a file."
    ),
    "sql": LazyCommand(
        f"{_HERE}.sql", "sql", "Run one SELECT over data sources and print its rows, or write them to a file."
    ),
    "named": LazyCommand(
        f"{_HERE}.named",
        "named",
        "Keep named queries, and run them by name with values for their parameters.",
    ),
    "schema": LazyCommand(f"{_HERE}.schema", "schema", "Show a data source's tables, or a table's columns."),
    "ds": LazyCommand(f"{_HERE}.data_sources", "ds", "Add, list, show, test and remove data sources."),
    "plugin": LazyCommand(
        f"{_HERE}.plugins", "plugin", "Show the installed data-source plugins, start one, or test it."
    ),
    "doctor": LazyCommand(f"{_HERE}.doctor", "doctor", "Check the installation, and say what to mend."),
    "health": LazyCommand(f"{_HERE}.health", "health", "Ask the host on this machine whether it answers."),
    "secrets": LazyCommand(f"{_HERE}.secrets", "secrets", "Check, rewrap and rotate stored secrets."),
    "key": LazyCommand(f"{_HERE}.key", "key", "Manage the keys that protect stored secrets."),
    "backup": LazyCommand(
        f"{_HERE}.backup", "backup", "Write the store to FILE, and its keys to another if they are asked for."
    ),
    "restore": LazyCommand(
        f"{_HERE}.backup", "restore", "Put what `backup` wrote to FILE into the store of the data directory."
    ),
    "config": LazyCommand(
        f"{_HERE}.config", "config", "Show the settings of the host, and where each is from."
    ),
    "serve": LazyCommand(f"{_HERE}.serve", "serve", "Serve the HTTP API, with Grafana's paths."),
    "mcp": LazyCommand(
        f"{_HERE}.mcp", "mcp", "Serve tools for agents (Model Context Protocol) on stdin and stdout."
    ),
    "grafana-pack": LazyCommand(
        "headwater_grafana.pack.command", "pack", "Put PLUGIN into DIR, a folder that Grafana installs."
    ),
    "grafana-serve": LazyCommand(
        "headwater_grafana.serve.command", "serve", "Serve PLUGIN to Grafana, which starts this by itself."
    ),
    "completion": LazyCommand(
        f"{_HERE}.completion", "completion", "Print what bash, zsh or fish loads to complete what is typed."
    ),
    "token": LazyCommand(f"{_HERE}.token", "token", "Create, list and revoke API tokens."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help=f"Where data sources and keys are kept.  [env: {ENVIRONMENT_VARIABLE}]",
)
@click.option(
    "--config",
    "configuration",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The configuration file, headwater.toml in the data directory by default.  "
    f"[env: {CONFIGURATION_VARIABLE}]",
)
@click.option(
    "--host",
    metavar="URL",
    envvar="HEADWATER_HOST",
    default="",
    help="Work on a remote host instead, with the token in HEADWATER_TOKEN.  [env: HEADWATER_HOST]",
)
@click.option(
    "--token-file",
    metavar="FILE",
    default="",
    type=click.Path(allow_dash=True),
    help="Read the token from FILE; - is stdin.",
)
@click.option(
    "--plugin",
    "plugin_files",
    metavar="FILE.py",
    multiple=True,
    type=click.Path(exists=True),
    help=f"Use the plugin in this file, too, or those in this folder.  [env: {FILES_VARIABLE}]",
)
@click.version_option(package_name="headwater-server", message="%(prog)s %(version)s")
@click.pass_context
def main(
    context: click.Context,
    data_dir: str | None,
    configuration: str | None,
    host: str,
    token_file: str,
    plugin_files: tuple[str, ...],
) -> None:
    """Query data sources, and get Arrow.

    Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 the query failed, 2 usage,
    3 authentication or secret, 4 connection, 5 limit or deadline, 130 interrupted.
    """
    if configuration:  # variables are for workers, too, which are processes of their own
        os.environ[CONFIGURATION_VARIABLE] = str(Path(configuration).absolute())
    if plugin_files:
        os.environ[FILES_VARIABLE] = os.pathsep.join(map(os.path.abspath, plugin_files))
    context.obj = Location(data_dir, host, token_file)


def run() -> NoReturn:
    """The console script. Every expected failure is a sentence on stderr and an exit code."""
    from .failures import exit_code_of, report

    if COMPLETION_VARIABLE in os.environ:
        complete_what_is_typed()
    try:
        result = main(prog_name="headwater", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        report(error)
        sys.exit(exit_code_of(error))
    finally:
        # Commands close what they open. The interpreter would look through all that is left once more at
        # its end, for a sixth of the time of a small query.
        gc.freeze()
    sys.exit(result if isinstance(result, int) else 0)
