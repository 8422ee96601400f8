"""What a connection sets for all its calls: which data source it means, and which time range.

Headers hold it, which drivers send with each call: a session would need a host that remembers it, and clients
may be answered by another host each time. Flight's actions on sessions are answered accordingly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.errors import ValidationError

from .messages import message, parse

HEADER_PREFIX: Final = "x-headwater-"
PREPARED_SCHEMA: Final = "prepared-schema"
OPTIONS: Final = ("catalog", "from", "to", "partitions", PREPARED_SCHEMA)
_JAVA: Final = "grpc-java"
"""Its JDBC driver takes a prepared statement whose columns it is not told for an update."""
_INVALID_NAME, _ERROR = 1, 3
_CLOSED: Final = 1


def options_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The options of a call, from its headers."""
    options = {name: headers[HEADER_PREFIX + name] for name in OPTIONS if headers.get(HEADER_PREFIX + name)}
    if _JAVA in headers.get("user-agent", ""):
        options.setdefault(PREPARED_SCHEMA, "true")
    return options


def wants_schema(options: Mapping[str, str]) -> bool:
    """Whether prepared statements tell the columns of their rows. Raises ValidationError."""
    text = options.get(PREPARED_SCHEMA, "false")
    if text not in ("true", "false"):
        raise ValidationError("expected true or false", path=HEADER_PREFIX + PREPARED_SCHEMA)
    return text == "true"


def set_options(body: bytes) -> bytes:
    """The answer to SetSessionOptions: an error for each, so that no client believes what is not so."""
    entries = parse("SetSessionOptionsRequest", body).session_options
    codes = {entry.key: _ERROR if entry.key in OPTIONS else _INVALID_NAME for entry in entries}
    errors = [
        _entry("SessionErrorEntry", key, message("SessionError", value=code)) for key, code in codes.items()
    ]
    answer: bytes = message("SetSessionOptionsResult", errors=errors).SerializeToString()
    return answer


def get_options(options: Mapping[str, str]) -> bytes:
    """The answer to GetSessionOptions."""
    entries = [
        _entry("SessionEntry", key, message("SessionValue", string_value=value))
        for key, value in options.items()
    ]
    answer: bytes = message("GetSessionOptionsResult", session_options=entries).SerializeToString()
    return answer


def close_session() -> bytes:
    """The answer to CloseSession."""
    answer: bytes = message("CloseSessionResult", status=_CLOSED).SerializeToString()
    return answer


def _entry(kind: str, key: str, value: Any) -> Any:
    return message(kind, key=key, value=value)
