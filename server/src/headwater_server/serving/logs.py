"""The host's log: JSON lines for machines or lines for people, secrets masked in both."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

from headwater.secrets import Redactor

LogFormat = Literal["json", "console"]


def write_host_logs(redactor: Redactor, *, form: LogFormat, level: str) -> None:
    """Send structlog's events and uvicorn's records to stderr in one form. The redactor comes last: only the
    finished line holds everything that will be seen."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    rendering: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if form == "console":
        # The default formatter shows the variables of every frame, and so whatever secrets they hold.
        plain = structlog.dev.plain_traceback
        rendering = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *rendering, redactor],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering, redactor],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.INFO))
    # What uvicorn says at level info is said better by our own events.
    logging.getLogger("uvicorn").setLevel(max(number, logging.WARNING))
