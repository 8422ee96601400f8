"""OpenTelemetry spans of the host's calls into plugins, where its API is installed (extra `opentelemetry`).

Exporters are configured as OpenTelemetry says, by its SDK and `OTEL_…` variables
(`opentelemetry-instrument headwater serve`); without an SDK its API does nothing.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

__all__ = ["middlewares_if_installed"]


def middlewares_if_installed() -> tuple[object, ...]:
    """The tracing middleware; nothing without OpenTelemetry."""
    if find_spec("opentelemetry") is None:
        return ()
    from headwater.plugins import TracingMiddleware

    return (TracingMiddleware(query_text=bool(os.environ.get("HEADWATER_TRACE_QUERY_TEXT"))),)
