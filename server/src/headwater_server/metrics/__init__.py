"""What operators measure, under the names that Grafana gives the same things."""

from __future__ import annotations

from .host_metrics import HostMetrics
from .plugin_requests import PluginMetricsMiddleware

__all__ = ["HostMetrics", "PluginMetricsMiddleware"]
