"""A host elsewhere, behind the face of `Headwater`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .host import RemoteHeadwater as RemoteHeadwater, connect as connect

_MODULES = {"host": ("RemoteHeadwater", "connect")}

__all__ = ["RemoteHeadwater", "connect"]

load_lazily(__name__, _MODULES)
