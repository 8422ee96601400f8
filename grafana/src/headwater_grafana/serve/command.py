"""`headwater grafana-serve`: what `python -m headwater_grafana` does, among the other commands."""

from __future__ import annotations

import click


@click.command("grafana-serve")
@click.argument("plugin_id", metavar="PLUGIN")
@click.option(
    "--standalone", is_flag=True, help="Listen on TCP and wait for a host that is told the address, to debug."
)
def serve(plugin_id: str, standalone: bool) -> None:
    """Serve PLUGIN to Grafana, which starts this by itself.

    With --standalone it listens where GF_PLUGIN_GRPC_ADDRESS_<PLUGIN> says, else on any free port.
    """
    from .process import serve_plugin

    serve_plugin(plugin_id, standalone=standalone)
