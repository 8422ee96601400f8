"""Where log lines go: to structlog if the application has configured it, else to `logging`.

structlog's own default prints every line to stdout, which belongs to the application.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

__all__ = ["get_logger", "hears_debug", "without_rich"]


def get_logger(name: str = "headwater", *, over: Any = None, **bound: Any) -> Any:
    """A structlog logger that carries `bound`.

    Over `logging`, the logger is `name`, a line is `event key=value …`, and the record's attribute
    `headwater` holds the keys and values. `over` takes the lines instead: a `logging.Logger`, or a logger
    of structlog. Raises TypeError if it is neither.
    """
    import structlog

    if over is None:
        if structlog.is_configured():
            return structlog.get_logger(name).bind(**bound)
        over = logging.getLogger(name)
    if not isinstance(over, logging.Logger):
        if not hasattr(over, "bind"):
            raise TypeError(f"a logger of logging or structlog is needed, not {type(over).__name__}")
        return over.bind(**bound)
    return structlog.wrap_logger(
        over,
        processors=[structlog.stdlib.filter_by_level, _as_record],
        wrapper_class=structlog.stdlib.BoundLogger,
    ).bind(**bound)


def hears_debug(over: Any = None) -> bool:
    """Whether a line at debug level goes anywhere, asked before it is made; True where nobody can tell.

    `over` is as for `get_logger`.
    """
    import structlog

    if over is None:
        if not structlog.is_configured():
            return logging.getLogger("headwater").isEnabledFor(logging.DEBUG)
        # The levels of structlog's own filtering loggers are those of their class.
        ask = getattr(structlog.get_config()["wrapper_class"], "is_enabled_for", None)
        return ask is None or bool(ask(None, logging.DEBUG))
    # Asked of the class: structlog's general logger makes a line of any method's name.
    ask = getattr(type(over), "isEnabledFor", None) or getattr(type(over), "is_enabled_for", None)
    return ask is None or bool(ask(over, logging.DEBUG))


@contextmanager
def without_rich() -> Iterator[None]:
    """For a program that writes its log as plain lines, around its first import of structlog.

    structlog takes rich where it is installed, for tracebacks in colours that nobody would see there: 5 MB,
    and a tenth of a program's start. Whoever wants rich itself gets it afterwards.
    """
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        del sys.modules["rich"]


def _as_record(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    text, exc_info = event.pop("event"), event.pop("exc_info", None)
    shown = "".join(f" {key}={value!r}" for key, value in event.items())
    return (f"{text}{shown}",), {"exc_info": exc_info, "extra": {"headwater": dict(event)}}
