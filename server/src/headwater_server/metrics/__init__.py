"""What operators measure, under the names that Grafana gives the same things."""

from __future__ import annotations

from .host_metrics import HostMetrics
from .plugin_requests import PluginMetricsMiddleware
from .workers import METRICS_FOLDER

__all__ = ["METRICS_FOLDER", "HostMetrics", "PluginMetricsMiddleware"]
