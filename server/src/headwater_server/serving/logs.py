"""The host's log: JSON lines for machines or lines for people, secrets masked in both."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal, TextIO

import orjson

from headwater.logs import without_rich
from headwater.secrets import Redactor

LogFormat = Literal["json", "console"]


def write_host_logs(redactor: Redactor, *, form: LogFormat, level: str) -> None:
    """Send structlog's events and uvicorn's records to stderr in one form. The redactor comes last: only the
    finished line holds everything that will be seen."""
    with without_rich():
        import structlog
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
    logging.captureWarnings(True)
    # What uvicorn says at level info is said better by our own events.
    logging.getLogger("uvicorn").setLevel(max(number, logging.WARNING))


_LEVEL = re.compile(r"(error|warning|info|debug): ", re.IGNORECASE)


class JsonLines(io.TextIOBase):
    """In place of `stream`, whose every line becomes JSON, whoever writes it: the command line's sentences,
    Python's tracebacks, plugins that print. Lines that are JSON objects pass as they are, others that are
    written at once become the text of one event."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unfinished = threading.local()  # others may write between the pieces of a line
        self._lock = threading.Lock()  # guards the stream

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        written = getattr(self._unfinished, "text", "") + text
        whole = written.endswith("\n")
        self._unfinished.text = "" if whole else written
        if whole:
            with self._lock:
                self._stream.write("".join(f"{line}\n" for line in _json_lines(written)))
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._stream.flush()


def _json_lines(text: str) -> Iterator[str]:
    for is_json, lines in groupby(filter(str.strip, text.split("\n")), _is_json_object):
        if is_json:
            yield from lines
        else:
            yield _event("\n".join(lines))


def _is_json_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _event(text: str) -> str:
    """`text` in the form of structlog's events; the command line begins a sentence with its level."""
    found = _LEVEL.match(text)
    event = {
        "event": text[found.end() :] if found else text,
        "level": found[1].lower() if found else "info",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return orjson.dumps(event).decode()
