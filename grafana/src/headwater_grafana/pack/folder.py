"""A plugin's folder as Grafana installs it, and the archive of one."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.errors import ValidationError
from headwater_grafana.executables import executable_name, platform_suffix

from .frontend import logo_svg, module_js
from .manifest import GRAFANA_VERSION, LOGO, manifest
from .starter import check_python, create_environment, write_starter

if TYPE_CHECKING:
    from headwater.models import PluginInfo

__all__ = ["pack", "zip_folder"]

_README = """\
# {name}

{description}

A data source in Python: the plugin `{plugin}` of Headwater, served by headwater-grafana {version}.
Packed for {platform} and Grafana {grafana}.
"""


def pack(
    info: PluginInfo,
    folder: Path,
    *,
    grafana_id: str,
    python: Path | None,
    requirements: Sequence[str] = (),
    logo: Path | None = None,
) -> None:
    """Write the files of plugin `info` into `folder`, over an earlier packing of the same plugin.

    `python` is the interpreter to start it with; None makes an environment of `requirements` in the folder.

    :raises ValidationError: the folder holds something else, or the logo is no SVG.
    :raises PluginUnavailableError: that Python cannot start the plugin, or its environment cannot be made.
    """
    _check_folder(folder, grafana_id)
    drawn = logo_svg(info.name) if logo is None else _svg(logo)
    if python is not None:
        check_python(python, info.id)
    (folder / "img").mkdir(parents=True, exist_ok=True)
    described = manifest(info, grafana_id, updated=datetime.now(UTC).date())
    _write(folder / "plugin.json", json.dumps(described, indent=2) + "\n")
    _write(folder / "module.js", module_js(info))
    _write(folder / LOGO, drawn)
    _write(
        folder / "README.md",
        _README.format(
            name=info.name,
            description=info.description,
            version=version("headwater-grafana"),
            plugin=info.id,
            platform=platform_suffix(),
            grafana=GRAFANA_VERSION,
        ),
    )
    if python is None:
        create_environment(folder, requirements)
    write_starter(folder / f"{executable_name(info.id)}_{platform_suffix()}", info.id, python)


def zip_folder(folder: Path, grafana_id: str) -> Path:
    """`<id>-<version>.zip` beside `folder`, with all of it under the plugin's id, links and modes kept."""
    described = json.loads((folder / "plugin.json").read_text("utf-8"))
    target = folder.resolve().parent / f"{grafana_id}-{described['info']['version']}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            entry = zipfile.ZipInfo(f"{grafana_id}/{path.relative_to(folder).as_posix()}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = path.lstat().st_mode << 16
            if path.is_symlink():
                archive.writestr(entry, str(path.readlink()))
            elif path.is_file():
                archive.writestr(entry, path.read_bytes())
    return target


def _check_folder(folder: Path, grafana_id: str) -> None:
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if _packed_id(folder / "plugin.json") != grafana_id:
        raise ValidationError(f"{folder} holds something else; choose an empty folder for {grafana_id}.")


def _packed_id(described: Path) -> object:
    """None where there is none."""
    try:
        members = json.loads(described.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return members.get("id") if isinstance(members, dict) else None


def _svg(logo: Path) -> str:
    try:
        text = logo.read_text("utf-8")
    except ValueError:
        text = ""
    if "<svg" not in text:
        raise ValidationError(f"{logo} is no SVG, which Grafana's logos are.")
    return text


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH)
