"""Serving the API with uvicorn: where it may listen, who may be slow, and how it ends."""

from __future__ import annotations

from .listen import ListenOptions, UnsafeListenError
from .server import HeadwaterServer, serve
from .workers import WorkersFailedError, serve_workers

__all__ = [
    "HeadwaterServer",
    "ListenOptions",
    "UnsafeListenError",
    "WorkersFailedError",
    "serve",
    "serve_workers",
]
