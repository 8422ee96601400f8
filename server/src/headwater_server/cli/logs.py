"""The core's log, as lines for a person."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

from headwater.logs import without_rich
from headwater.secrets import Redactor

_CONTEXT = ("request_id", "plugin", "data_source", "ref_id")


def write_logs_to_stderr(redactor: Redactor) -> None:
    """Warnings and worse, one line each, secrets masked; everything with HEADWATER_DEBUG set."""
    with without_rich():
        import structlog
    level = logging.DEBUG if os.environ.get("HEADWATER_DEBUG") else logging.WARNING
    structlog.configure(
        processors=[structlog.processors.add_log_level, _render, redactor],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """`level: event (Error: text) key=value`; the context that a single command has anyway is left out."""
    level, text = event.pop("level"), event.pop("event")
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    shown = f" ({type(error).__name__}: {error})" if isinstance(error, BaseException) else ""
    rest = "".join(f" {key}={value}" for key, value in event.items() if key not in _CONTEXT)
    return f"{level}: {text}{shown}{rest}"
