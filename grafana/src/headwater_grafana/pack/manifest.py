"""`plugin.json`: what Grafana reads of a plugin before it starts anything.

The rules are those of its schema (grafana.com/developers/plugin-tools/reference/plugin-json).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater_grafana.executables import executable_name

__all__ = ["GRAFANA_VERSION", "LOGO", "check_id", "grafana_id", "manifest"]

GRAFANA_VERSION = ">=11.6.0"
"""The editors use components that came with it."""

LOGO = "img/logo.svg"
_ID = re.compile(r"[0-9a-z]+-[0-9a-z]+-datasource")
_USES = frozenset({"metrics", "alerting", "annotations"})
_CATEGORIES = {"sql": "sql", "promql": "tsdb"}


def grafana_id(plugin_id: str, vendor: str) -> str:
    """`vendor-name-datasource`, the form that Grafana demands.

    :raises ValidationError: nothing of `vendor` or `plugin_id` can be in such an id.
    """
    parts = [re.sub(r"[^0-9a-z]", "", part.lower()) for part in (vendor, plugin_id)]
    return check_id(f"{parts[0]}-{parts[1]}-datasource")


def check_id(wanted: str) -> str:
    """:raises ValidationError: Grafana would refuse the id."""
    if not _ID.fullmatch(wanted):
        raise ValidationError(
            f"Grafana takes no plugin id {wanted!r}: it is vendor-name-datasource, of a to z and digits."
        )
    return wanted


def manifest(info: PluginInfo, grafana_plugin_id: str, *, updated: date) -> Mapping[str, Any]:
    """The manifest of a plugin. What it can do comes from its capabilities and its query language.

    A backend can serve panels, alerts and annotations alike: a plugin that names none of these is for all.
    """
    capabilities = info.capabilities
    uses = capabilities & _USES or _USES
    return {
        "$schema": "https://raw.githubusercontent.com/grafana/grafana/main/docs/sources/developers/plugins/plugin.schema.json",
        "type": "datasource",
        "name": info.name,
        "id": grafana_plugin_id,
        "category": _CATEGORIES.get("sql" if "sql" in info.query_language else info.query_language, "other"),
        "backend": True,
        "executable": executable_name(info.id),
        "metrics": "metrics" in uses,
        "logs": "logs" in capabilities,
        "tracing": "traces" in capabilities,
        "alerting": "alerting" in uses,
        "annotations": "annotations" in uses,
        "streaming": "stream" in capabilities,
        "queryOptions": {"maxDataPoints": True, "minInterval": True},
        "info": {
            "description": info.description,
            "author": {"name": grafana_plugin_id.partition("-")[0]},
            "keywords": ["headwater", info.id],
            "logos": {"small": LOGO, "large": LOGO},
            "links": [],
            "screenshots": [],
            "version": _version(info.version),
            "updated": updated.isoformat(),
        },
        "dependencies": {"grafanaDependency": GRAFANA_VERSION, "plugins": []},
    }


def _version(version: str) -> str:
    """Grafana reads semantic versions: `1.2rc1` becomes `1.2.0-rc1`."""
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?[.-]?(.*)", version)
    if found is None:
        return "0.0.0"
    major, minor, patch, rest = found.groups()
    release = f"{major}.{minor or 0}.{patch or 0}"
    suffix = re.sub(r"[^0-9A-Za-z.-]", "-", rest)
    return f"{release}-{suffix}" if suffix else release
