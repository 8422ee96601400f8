"""Error bodies. One form serves both of Grafana's: clients read `message`, newer ones `messageId` too."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from headwater.errors import HeadwaterError, ValidationError
from headwater_server.auth.rate_limits import TooManyRequestsError

from .responses import json_response


def error_body(error: HeadwaterError, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "statusCode": error.status,
        "messageId": error.message_id,
        "message": str(error),
        "traceID": request_id,
    }
    if isinstance(error, ValidationError) and error.path:
        body["extra"] = {"path": error.path}
    return body


def error_response(error: HeadwaterError, request_id: str) -> Response:
    headers = {}
    if error.status == 401:
        # Not Basic: a browser would ask for the password and then send it with every request, wanted or not.
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, TooManyRequestsError):
        headers["retry-after"] = str(error.retry_after)
    elif error.status == 503:
        headers["retry-after"] = "1"
    return json_response(error_body(error, request_id), error.status, headers)


def plain_error(status: int, message_id: str, message: str, request_id: str) -> Response:
    """For what happens outside of any handler."""
    body = {"statusCode": status, "messageId": message_id, "message": message, "traceID": request_id}
    return json_response(body, status)
