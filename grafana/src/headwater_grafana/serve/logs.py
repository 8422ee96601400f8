"""The log as go-plugin's hosts read it: hclog's JSON, a line each, on standard error, secrets masked."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from headwater.logs import without_rich
from headwater.secrets import Redactor

_LONGEST = 60_000  # hosts cut lines at 64 KiB, and take the rest for text
_LEVELS = {"warning": "warn", "critical": "error", "exception": "error"}


def write_logs_to_stderr(redactor: Redactor) -> None:
    """From info on; everything with HEADWATER_DEBUG set. What libraries log through `logging` comes, too."""
    with without_rich():
        import structlog
    level = logging.DEBUG if os.environ.get("HEADWATER_DEBUG") else logging.INFO
    structlog.configure(
        processors=[structlog.processors.add_log_level, _render, redactor],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(redactor))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def hclog_line(level: str, message: str, fields: Mapping[str, Any] | None = None) -> str:
    """One line, without its end. Logging must fail no query, whatever its fields are."""
    head = {
        "@level": _LEVELS.get(level, level),
        "@message": message,
        "@timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),  # go-plugin reads six digits only
    }
    try:
        line = json.dumps(head | dict(fields or {}) | head, default=str)
    except Exception as error:
        line = json.dumps(head | {"fields": f"cannot be shown ({type(error).__name__})"})
    while len(line) > _LONGEST:
        message = message[: min(len(message), _LONGEST) // 2]
        line = json.dumps(head | {"@message": message, "cut": True})
    return line


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    level, message = event.pop("level"), str(event.pop("event"))
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = "".join(traceback.format_exception(error))
    return hclog_line(level, message, event)


class _Formatter(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        fields = {"logger": record.name}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return self._redactor.redact(hclog_line(record.levelname.lower(), record.getMessage(), fields))
