"""The paths of Prometheus' HTTP API that only read. Names no library, for the plugin object lists them."""

from __future__ import annotations

QUERIES = (
    "api/v1/query",
    "api/v1/query_range",
    "api/v1/query_exemplars",
    "api/v1/series",
    "api/v1/labels",
    "api/v1/format_query",
    "api/v1/parse_query",
)
"""By GET, or by POST with a form."""

LABEL_VALUES = "api/v1/label/{name}/values"

REPORTS = (
    "",
    "-/healthy",
    "-/ready",
    "federate",
    "api/v1/metadata",
    "api/v1/alerts",
    "api/v1/alertmanagers",
    "api/v1/features",
    "api/v1/rules",
    "api/v1/scrape_pools",
    "api/v1/targets",
    "api/v1/targets/metadata",
    "api/v1/status/buildinfo",
    "api/v1/status/config",
    "api/v1/status/flags",
    "api/v1/status/runtimeinfo",
    "api/v1/status/tsdb",
    "api/v1/status/tsdb/blocks",
    "api/v1/status/walreplay",
)
"""By GET. The first one, the root, is where clients try a connection."""
