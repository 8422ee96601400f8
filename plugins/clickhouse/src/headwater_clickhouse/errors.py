"""ClickHouse's exceptions as typed errors that keep the code and name.

```
ClickHouseError (mixin: code, name)
├── ClickHouseQueryError      QueryError              the statement is wrong, or not permitted
├── ClickHouseAuthError       DownstreamAuthError     user, password, or access
├── ClickHouseLimitError      LimitExceededError      memory, rows, bytes, quota
├── ClickHouseTimeoutError    DownstreamTimeoutError  the server's own time limit
└── ClickHouseServerError     DownstreamServerError   everything else
```
"""

from __future__ import annotations

import re
from typing import ClassVar

from headwater.errors import (
    DownstreamAuthError,
    DownstreamServerError,
    DownstreamTimeoutError,
    HeadwaterError,
    LimitExceededError,
    QueryError,
    TextPosition,
)
from headwater.sdk import at_byte


class ClickHouseError:
    """Mixin: `code` and `name` are the server's, such as 60 and `UNKNOWN_TABLE`."""

    code: int | str | None
    name: str | None


class ClickHouseQueryError(ClickHouseError, QueryError):
    pass


class ClickHouseAuthError(ClickHouseError, DownstreamAuthError):
    pass


class ClickHouseLimitError(ClickHouseError, LimitExceededError):
    pass


class ClickHouseTimeoutError(ClickHouseError, DownstreamTimeoutError):
    pass


class ClickHouseServerError(ClickHouseError, DownstreamServerError):
    pass


class _Codes:
    """Codes of ClickHouse's `ErrorCodes.cpp` whose cause is plain; the rest is the server's fault."""

    AUTH: ClassVar = frozenset({192, 193, 194, 516, 497})
    LIMIT: ClassVar = frozenset({158, 162, 191, 201, 202, 241, 307, 396})
    TIMEOUT: ClassVar = frozenset({159, 160})
    SERVER: ClassVar = frozenset(
        {
            3, 23, 24, 49, 74, 75, 76, 95, 101, 102, 173, 198, 209, 210, 212, 225, 236, 242, 243, 246, 252,
            279, 286, 319, 341, 365, 373, 394, 425, 439, 499, 999, 1000, 1001, 1002,
        }
    )  # fmt: skip
    RETRYABLE: ClassVar = frozenset({202, 209, 210, 236, 279, 999})


_HEAD = re.compile(r"(?:[\w:]*Exception: )?Code: (\d+)[.,]\s*(?:e\.displayText\(\) = )?")
_CLASS = re.compile(r"(?:DB|Poco|std)::[\w:]*(?:Exception|Error): ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
# These texts come from outside: no pattern begins anew within the same spaces, or looks on without end.
_VERSION = re.compile(r"(?<!\s)\s*\(version [^()]*(?:\([^()]*\)[^()]*)*\)")
#: Frames of the server's stack, the old servers' second copy of the class, and advice for other products.
_NOISE = re.compile(
    r",? Stack trace(?: \(when copying| ?:).*|, e\.what\(\) = .*"
    r"|(?<!\s)\s*If you use ClickHouse Cloud,.{0,2000}?\n\n\.",
    re.DOTALL,
)
_PLACE = re.compile(r"failed at position (\d+)")
_LIMIT_TEXT = 2000


def server_error(text: str) -> HeadwaterError:
    """The typed error for an exception text, such as
    `Code: 60. DB::Exception: Unknown table expression identifier 't'. (UNKNOWN_TABLE) (version 26.7.3.1)`.
    """
    message = _VERSION.sub("", _NOISE.sub("", text)).strip()
    code = name = None
    # A server that forwards another's exception nests the heads and repeats the names.
    while match := _HEAD.match(message):
        code = int(match[1])
        message = _CLASS.sub("", message[match.end() :], count=1)
    while message.endswith(")") and (match := _NAME.fullmatch(message, message.rfind("("))):
        name = match[1]
        message = message[: match.start()].rstrip(". \n")
    message = message.rstrip(". ")
    message += "" if message.endswith(("?", "!")) else "."
    if len(message) > _LIMIT_TEXT:
        message = message[:_LIMIT_TEXT] + "…"
    return make_error(code, name, message)


def locate(error: HeadwaterError, sent: str) -> TextPosition | None:
    """Where in the statement the server found a fault of syntax: it tells the byte."""
    found = _PLACE.search(str(error))
    return None if found is None else at_byte(sent, int(found[1]) - 1)


def make_error(code: int | None, name: str | None, message: str) -> HeadwaterError:
    """The error class that fits `code`, with a message that names code and name."""
    label = " ".join(part for part in (name, f"(code {code})" if code is not None else "") if part)
    public = f"ClickHouse: {message}" + (f" [{label}]" if label else "")
    error: HeadwaterError
    if code in _Codes.AUTH:
        error = ClickHouseAuthError(public, status=403 if code == 497 else 401)
    elif code in _Codes.LIMIT:
        error = ClickHouseLimitError(public, status=429 if code in {201, 202} else None)
    elif code in _Codes.TIMEOUT:
        error = ClickHouseTimeoutError(public)
    elif code is None or code in _Codes.SERVER:
        error = ClickHouseServerError(public)
    else:
        error = ClickHouseQueryError(public)
    error.retryable = code in _Codes.RETRYABLE
    assert isinstance(error, ClickHouseError)
    error.code, error.name = code, name
    return error


def refused_by_arrow(error: Exception) -> QueryError | None:
    """What to do about an answer that the server labels so that Arrow's readers refuse it; else None."""
    if "UuidType" not in str(error):
        return None
    return QueryError(
        "ClickHouse writes LowCardinality(UUID) in a form that Arrow's readers refuse. Select such columns "
        "with CAST(column, 'UUID'), or end the query with SETTINGS "
        "output_format_arrow_low_cardinality_as_dictionary = 0."
    )
