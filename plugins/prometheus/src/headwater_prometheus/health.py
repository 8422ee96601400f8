"""The health check: one trivial query, and what the server says of itself."""

from __future__ import annotations

import time
from typing import Any

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, PluginRequestCanceledError
from headwater.models import CheckHealthResult

from .api import PrometheusApi, read_document

_OK = "Successfully queried the Prometheus API."
_FAILED = "There was an error returned querying the Prometheus API."


def check_health(api: PrometheusApi, context: CallContext, *, verified: bool) -> CheckHealthResult:
    """Evaluate `1+1`. Details: application, version and features, as far as the server tells."""
    try:
        with api.instant_query("1+1", time=int(time.time() * 1000), context=context) as reader:
            for _ in reader.blocks():
                pass
    except PluginRequestCanceledError:
        raise
    except HeadwaterError as error:
        return CheckHealthResult.failed(f"{error} - {_FAILED}", error=error.message_id)
    details = _build_details(api, context)
    if not verified:
        details["tlsSkipVerify"] = True
    return CheckHealthResult.ok(_OK, **details)


def _build_details(api: PrometheusApi, context: CallContext) -> dict[str, Any]:
    """Which server this is, by Grafana's heuristics; not every server of the family says."""
    try:
        body = api.document("api/v1/status/buildinfo", [], context.child(timeout=5.0), method="GET")
        info = read_document(body, dict[str, Any])
    except HeadwaterError:
        return {"application": "unknown", "features": {"rulerApiEnabled": False}}
    named = str(info.get("application", ""))
    features = info.get("features") or {}
    ruler = features.get("ruler_config_api") if isinstance(features, dict) else None
    details: dict[str, Any] = {
        "application": "Mimir" if "Mimir" in named else named or "Prometheus",
        "features": {"rulerApiEnabled": str(ruler).lower() == "true"},
    }
    if version := info.get("version"):
        details["version"] = str(version)
    return details
