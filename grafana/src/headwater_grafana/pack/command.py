"""`headwater grafana-pack`: the command of `headwater_server` that comes with this distribution."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .manifest import check_id, grafana_id

if TYPE_CHECKING:
    from headwater.models import PluginInfo

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("plugin_id", metavar="PLUGIN")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--python", type=_FILE, help="Start the plugin with this Python.  [default: the one that packs]"
)
@click.option("--venv", is_flag=True, help="Make an environment of its own in DIR, with pip.")
@click.option(
    "--requirement",
    "requirements",
    multiple=True,
    metavar="REQUIREMENT",
    help="What --venv installs, as pip takes it.  [default: headwater-grafana and the plugin's distribution]",
)
@click.option("--vendor", default="headwater", show_default=True, help="The first part of the id in Grafana.")
@click.option("--id", "wanted_id", help="The whole id in Grafana: vendor-name-datasource.")
@click.option("--logo", type=_FILE, help="An SVG file, instead of a plain logo.")
@click.option("--zip", "as_zip", is_flag=True, help="Also write an archive beside DIR.")
@click.option("--sign", "signed", is_flag=True, help="Let Grafana's tool @grafana/sign-plugin sign DIR.")
@click.option(
    "--root-url",
    "root_urls",
    multiple=True,
    metavar="URL",
    help="Sign privately, for the Grafana at this address; may be repeated.",
)
def pack(
    plugin_id: str,
    folder: Path,
    python: Path | None,
    venv: bool,
    requirements: tuple[str, ...],
    vendor: str,
    wanted_id: str | None,
    logo: Path | None,
    as_zip: bool,
    signed: bool,
    root_urls: tuple[str, ...],
) -> None:
    """Put PLUGIN into DIR, a folder that Grafana installs.

    In Grafana it is a data source with a backend in Python. Prints the path of the folder, or of the archive.
    """
    from . import folder as packing
    from .signing import sign

    if python and venv:
        raise click.UsageError("Give --python or --venv, not both.")
    if requirements and not venv:
        raise click.UsageError("--requirement goes with --venv.")
    if root_urls and not signed:
        raise click.UsageError("--root-url goes with --sign.")
    info, distribution = _installed(plugin_id)
    if "inputs" in info.capabilities:
        raise click.UsageError(
            f"{info.name} needs the answers to other queries, which Grafana gives to no plugin."
        )
    packed_id = check_id(wanted_id) if wanted_id else grafana_id(info.id, vendor)
    packing.pack(
        info,
        folder,
        grafana_id=packed_id,
        python=None if venv else (python or Path(sys.executable)).absolute(),
        requirements=requirements or (f"headwater-grafana=={version('headwater-grafana')}", distribution),
        logo=logo,
    )
    if signed:
        sign(folder, root_urls)
    click.echo(packing.zip_folder(folder, packed_id) if as_zip else folder)
    click.echo(_next_steps(folder, packed_id, signed=signed), err=True)


def _installed(plugin_id: str) -> tuple[PluginInfo, str]:
    """The plugin, and its distribution as a requirement."""
    from headwater import Headwater
    from headwater.errors import PluginNotRegisteredError

    with Headwater() as headwater:
        info = headwater.plugin_info(plugin_id)
        for record in headwater.plugins:
            if record.plugin_id == info.id and record.usable:
                return info, f"{record.distribution}=={record.version}"
    raise PluginNotRegisteredError(f"Plugin {info.id!r} comes from no installed distribution.")


def _next_steps(folder: Path, packed_id: str, *, signed: bool) -> str:
    unsigned = (
        ""
        if signed
        else f"""
The folder is not signed. Let Grafana load it nevertheless, in grafana.ini:

  [plugins]
  allow_loading_unsigned_plugins = {packed_id}
"""
    )
    return f"""
On Grafana's machine:

  cp -r {shlex.quote(str(folder))} /var/lib/grafana/plugins/{packed_id}
{unsigned}
Then start Grafana again."""
