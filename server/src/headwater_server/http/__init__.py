"""The HTTP API: Grafana's paths and bodies, served by an ASGI app."""

from __future__ import annotations

from .app import HeadwaterApp, Service, create_app
from .options import HttpOptions

__all__ = ["HeadwaterApp", "HttpOptions", "Service", "create_app"]
