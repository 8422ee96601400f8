"""What a plugin process writes: the handshake first, then log lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from headwater.logs import get_logger, hears_debug
from headwater.secrets import Redactor

_LONGEST = 64 * 1024
_LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warning", "error": "error"}


class Lines:
    """Bytes as they come, cut into lines; longer ones than 64 KiB are cut there, too."""

    def __init__(self, take: Callable[[str], object]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._each(line)
        while len(self._rest) >= _LONGEST:
            self._each(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]

    def end(self) -> None:
        """Nothing more will come."""
        rest, self._rest = self._rest, b""
        if rest:
            self._each(rest)

    def _each(self, line: bytes) -> None:
        for piece in _pieces(line):
            self._take(piece.decode(errors="replace").rstrip("\r"))


def _pieces(line: bytes) -> Iterator[bytes]:
    for start in range(0, max(len(line), 1), _LONGEST):
        yield line[start : start + _LONGEST]


class PluginLog:
    """Hands a plugin's lines to the host's log, with known secrets masked: hclog's JSON with its level and
    fields, anything else at debug level."""

    def __init__(self, plugin_id: str, redactor: Redactor, logger: Any = None) -> None:
        self._logger = get_logger("headwater.plugins.process", over=logger, plugin=plugin_id)
        self._over = logger
        self._redactor = redactor

    def stdout(self, line: str) -> None:
        """A line after the handshake, or one that should have been it."""
        self._write("debug", self._redactor.redact(line), {"stream": "stdout"})

    def stderr(self, line: str) -> str:
        """Its message."""
        line = self._redactor.redact(line)
        level, message, fields = _parsed(line)
        self._write(level, message, fields)
        return message.strip()

    def ended(self, how: str) -> None:
        """Though nobody has asked for it."""
        self._logger.warning("A plugin process has ended.", how=how)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        if message and (level != "debug" or hears_debug(self._over)):
            getattr(self._logger, level)("A plugin process said:", message=message, **fields)


def _parsed(line: str) -> tuple[str, str, dict[str, Any]]:
    """Level, message and fields of a line of hclog."""
    if not line.startswith("{"):
        return "debug", line, {}
    try:
        members = json.loads(line)
        level = _LEVELS.get(str(members.pop("@level")), "info")
        message = str(members.pop("@message"))
    except (ValueError, KeyError, RecursionError):
        return "debug", line, {}
    fields = {str(key): value for key, value in members.items() if not str(key).startswith("@")}
    return level, message, {"fields": fields} if fields else {}
