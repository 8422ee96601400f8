"""Paths in a data source's fields, made absolute when it is saved: its users may be in another folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headwater.errors import ValidationError

PATH_FORMAT = "path"
"""The `format` by which a settings schema marks a text as a path on the host's machine."""

_BEGINNINGS = (f".{os.sep}", f"..{os.sep}", "./", "../", "~")


def absolute_url(url: str) -> str:
    """`url`, absolute if it is a path by its look: `.`, `..`, or with `./`, `../` or `~` in front.

    :raises ValidationError: `~` has no meaning here.
    """
    return _absolute(url, "url") if url in (".", "..") or url.startswith(_BEGINNINGS) else url


def absolute_paths(schema: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings`, with what `schema` marks as paths made absolute.

    :raises ValidationError: `~` has no meaning here.
    """
    return {
        key: _with_absolute_paths(schema.get("properties", {}).get(key), value, f"jsonData.{key}")
        for key, value in settings.items()
    }


def _with_absolute_paths(schema: Any, value: Any, path: str) -> Any:
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, str):
        return _absolute(value, path) if value and schema.get("format") == PATH_FORMAT else value
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        return {
            key: _with_absolute_paths(properties.get(key), item, f"{path}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = schema.get("items")
        return type(value)(
            _with_absolute_paths(items, item, f"{path}[{index}]") for index, item in enumerate(value)
        )
    return value


def _absolute(text: str, path: str) -> str:
    """Symbolic links stay, for what they lead to may change."""
    try:
        expanded = Path(text).expanduser()
    except RuntimeError:
        raise ValidationError("~ is nowhere here; write the whole path", path=path) from None
    return os.path.abspath(expanded)  # noqa: PTH100 - unlike `absolute`, without `..`
