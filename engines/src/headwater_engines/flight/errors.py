"""From Headwater's errors to Flight's.

Other exceptions than Flight's own reach the client with a traceback in their text: none may leave a handler.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from pyarrow import flight

from headwater.errors import HeadwaterError, QueryRequestError, describe
from headwater.logs import get_logger

P = ParamSpec("P")
R = TypeVar("R")

_BY_STATUS: Final[dict[int, Any]] = {
    401: flight.FlightUnauthenticatedError,
    403: flight.FlightUnauthorizedError,
    429: flight.FlightUnavailableError,
    499: flight.FlightCancelledError,
    503: flight.FlightUnavailableError,
    504: flight.FlightTimedOutError,
}

_LONGEST: Final = 1500
"""Bytes of a message. It travels three times over in headers, of which clients take 8 KiB in all."""


def refused(message: str, message_id: str = "flight.request") -> HeadwaterError:
    """What the caller asked for cannot be had here."""
    return QueryRequestError(message, message_id)


def flight_error(error: BaseException) -> flight.FlightError:
    """`error` as Flight carries it: a status, the message, and message id, status and source as JSON.

    What is no error of Headwater's is logged, and its text stays here.
    """
    if isinstance(error, flight.FlightError):
        return error
    if not isinstance(error, HeadwaterError):
        get_logger("headwater.flight").error("A Flight call failed.", exc_info=error)
        error = describe(error) if isinstance(error, Exception) else HeadwaterError("The call was ended.")
    detail = {"messageId": error.message_id, "status": error.status, "source": str(error.source)}
    kind = _BY_STATUS.get(error.status, flight.FlightServerError)
    carried: flight.FlightError = kind(_cut(str(error)), json.dumps(detail).encode())
    return carried


def _cut(text: str) -> str:
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= _LONGEST else data[:_LONGEST].decode(errors="ignore") + " …"


def flight_errors_only(handler: Callable[P, R]) -> Callable[P, R]:
    """`handler`, with every other error turned into one of Flight's.

    Of GetSchema's errors Flight sends the traceback nonetheless, as text: it has this frame alone, without
    the place of its file.
    """

    @wraps(handler)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except BaseException as error:
            raise flight_error(error).with_traceback(None) from None

    function: Any = guarded
    function.__code__ = function.__code__.replace(co_filename="headwater")
    return guarded
