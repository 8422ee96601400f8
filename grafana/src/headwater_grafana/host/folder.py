"""`PluginFolder`: a plugin as Grafana installs it, a folder with a `plugin.json`."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater_grafana.executables import platform_suffix

_ID = re.compile(r"[0-9a-z]+-([0-9a-z]+-)?datasource")
_LARGEST_MANIFEST = 10 * 1024 * 1024


class Signature(StrEnum):
    """What a folder's `MANIFEST.txt` says. Its own signature is not checked: none of these is trust."""

    UNSIGNED = "unsigned"
    """There is none."""
    MODIFIED = "modified"
    """Files differ from it, or are not in it."""
    UNVERIFIED = "unverified"
    """Every file is as it says."""


@frozen
class PluginFolder:
    """A plugin's folder, read. `command` starts its program for this platform."""

    path: Path
    info: PluginInfo
    command: tuple[str, ...]
    signature: Signature

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ValidationError, which says what of `plugin.json` cannot be used."""
        described = _json(path / "plugin.json")
        plugin_id = str(described.get("id", ""))
        if not _ID.fullmatch(plugin_id):
            raise ValidationError("is not of the form vendor-name-datasource", path="id")
        if described.get("type") != "datasource" or described.get("backend") is not True:
            raise ValidationError("is not a data source with a backend", path="type")
        program = path / f"{described.get('executable', '')}_{platform_suffix()}"
        if not _is_inside(program, path) or not os.access(program, os.X_OK) or program.is_dir():
            raise ValidationError(f"there is no program {program.name} for this platform", path="executable")
        return cls(path, _info(described, plugin_id), (str(program),), _signature(path))


def _info(described: Mapping[str, Any], plugin_id: str) -> PluginInfo:
    about = described.get("info") or {}
    return PluginInfo(
        id=plugin_id,
        name=str(described.get("name") or plugin_id),
        version=str(about.get("version") or ""),
        description=str(about.get("description") or ""),
        alias_ids=tuple(map(str, described.get("aliasIDs") or ())),
        capabilities=frozenset({"stream"}) if described.get("streaming") else frozenset(),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ValidationError(f"cannot be read ({type(error).__name__})", path=path.name) from error
    if not isinstance(described, dict):
        raise ValidationError("is not a JSON object", path=path.name)
    return described


def _is_inside(program: Path, folder: Path) -> bool:
    return program.resolve().is_relative_to(folder.resolve())


def _signature(path: Path) -> Signature:
    manifest = path / "MANIFEST.txt"
    if not manifest.is_file() or manifest.stat().st_size > _LARGEST_MANIFEST:
        return Signature.UNSIGNED
    text = manifest.read_text(errors="replace")
    start, end = text.find("{"), text.rfind("}")
    try:
        listed: dict[str, str] = dict(json.loads(text[start : end + 1])["files"])
    except (ValueError, KeyError, TypeError):
        return Signature.MODIFIED
    return Signature.UNVERIFIED if listed == dict(_digests(path)) else Signature.MODIFIED


def _digests(path: Path) -> Iterator[tuple[str, str]]:
    for each in path.rglob("*"):
        if each.is_file() and each.name != "MANIFEST.txt":
            yield each.relative_to(path).as_posix(), hashlib.sha256(each.read_bytes()).hexdigest()
