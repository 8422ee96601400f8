"""What a series is called: its text in PromQL's notation, and its legend."""

from __future__ import annotations

import re
from collections.abc import Mapping

METRIC_NAME = "__name__"
AUTO_LEGEND = "__auto"

_PLAIN_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def quote(text: str) -> str:
    """`text` as a double-quoted PromQL string."""
    return f'"{text.translate(_ESCAPES)}"'


def label_name(name: str) -> str:
    """`name` as PromQL writes it: names outside the old alphabet are quoted (Prometheus 3)."""
    return name if _PLAIN_LABEL.fullmatch(name) else quote(name)


def series_text(metric: Mapping[str, str]) -> str:
    """A selector that matches the series, such as `up{job="api"}`; `{}` for no labels at all."""
    name = metric.get(METRIC_NAME, "")
    labels = [f"{label_name(key)}={quote(metric[key])}" for key in sorted(metric) if key != METRIC_NAME]
    if name and not _PLAIN_METRIC.fullmatch(name):
        labels.insert(0, quote(name))
        name = ""
    if not labels:
        return name or "{}"
    return f"{name}{{{', '.join(labels)}}}"


def legend(metric: Mapping[str, str], legend_format: str, expr: str) -> str:
    """The display name of a series, by Grafana's rules.

    `{{label}}` becomes the label's value, empty if absent; `__auto` leaves the name to the client when there
    are labels; without a format it is the series' text. A series without labels is called by its expression.
    """
    if legend_format == AUTO_LEGEND and metric:
        return ""
    if legend_format and legend_format != AUTO_LEGEND:
        return _PLACEHOLDER.sub(lambda match: metric.get(match[1], ""), legend_format)
    return series_text(metric) if metric else expr
