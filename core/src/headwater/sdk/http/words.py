"""What an error's body says, for people: one line, bounded, whatever a proxy wrapped it in."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_WORDS = 1024
"""Characters of a server's text in a message."""

_KEYS = ("error_description", "message", "detail", "reason", "error", "errors", "title", "msg")
"""Where JSON keeps its message, the most telling first."""

_NESTING = 4
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TAG = re.compile(r"<[^<>]*>?")
_TITLE = re.compile(r"<title>([^<]+)", re.IGNORECASE)
# A text is cut where a word ends: the first half of a secret would not be known for one.
_WORD_END = re.compile(r"[\s\"',;<>{}()\[\]](?=[^\s\"',;<>{}()\[\]]*\Z)")


def words_of(body: bytes) -> str:
    """The message that `body` holds as JSON, HTML or text; empty if it holds none."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith(("{", "[")):
        text = _message(_parsed(text), _NESTING) or text
    elif text.startswith("<"):
        title = _TITLE.search(text)
        text = title[1] if title else " ".join(_TAG.sub(" ", text).split())
    return excerpt(text)


def excerpt(text: str) -> str:
    """At most `MAX_WORDS` characters of `text`, on one line."""
    line = _CONTROL.sub(" ", text[:MAX_WORDS]).strip()
    if len(text) <= MAX_WORDS:
        return line
    end = _WORD_END.search(line)
    return f"{line[: end.start()] if end else ''}…"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(value: Any, nesting: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and nesting:
        return _message(value[0], nesting - 1)
    if isinstance(value, dict) and nesting:
        return next(filter(None, (_message(value.get(key), nesting - 1) for key in _KEYS)), "")
    return ""
