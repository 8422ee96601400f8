"""The HTTP API: Grafana's paths and bodies, served by an ASGI app."""

from __future__ import annotations

from .app import HeadwaterApp, create_app
from .options import HttpOptions

__all__ = ["HeadwaterApp", "HttpOptions", "create_app"]
