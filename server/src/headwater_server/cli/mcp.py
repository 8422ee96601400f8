"""`headwater mcp`: the tools for agents on stdin and stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from headwater_server.data_directory import DataDirectory

from .location import pass_directory
from .workspace import open_headwater

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater_server.auth import Principal


@click.command()
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="What may be done, such as queries:run:revenue or datasources:query:shop. "
    "Default: all data sources and named queries.",
)
@pass_directory
def mcp(directory: DataDirectory, /, scopes: tuple[str, ...]) -> None:
    """Serve tools for agents (Model Context Protocol) on stdin and stdout.

    An agent's host starts this command. It reads data sources and named queries, and changes nothing.
    """
    try:
        import mcp as _sdk  # noqa: F401
    except ImportError:
        raise click.ClickException("Needs the extra: pip install 'headwater-server[mcp]'.") from None
    principal = _principal(scopes)
    with open_headwater(directory) as headwater:
        _serve(headwater, principal)


def _principal(scopes: tuple[str, ...]) -> Principal:
    from headwater.errors import ValidationError
    from headwater_server.auth import Action, Principal, Scope

    try:
        given = [Scope.parse(text) for text in scopes]
    except ValidationError as error:
        raise click.BadParameter(error.reason, param_hint="--scope") from None
    allowed = given or [Scope(Action.QUERY), Scope(Action.RUN_QUERIES), Scope(Action.READ_QUERIES)]
    return Principal.of("user:local", "local", None, allowed)


def _serve(headwater: Headwater, principal: Principal) -> None:
    import asyncio

    from mcp.server.stdio import stdio_server

    from headwater.calls import WorkerPool
    from headwater.frames import start_arrow_without_pandas
    from headwater_server.mcp.caller import LocalCaller
    from headwater_server.mcp.protocol import mcp_server

    start_arrow_without_pandas()
    workers = WorkerPool("headwater-mcp")
    caller = LocalCaller(headwater, principal, workers)
    server = mcp_server(lambda _: caller)

    async def serve() -> None:
        async with stdio_server() as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())

    try:
        asyncio.run(serve())
    finally:
        workers.close()
