"""Errors of queries as answers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from headwater.errors import HeadwaterError


class HeadwaterErrors:
    """A `HeadwaterError` that a view raises becomes its status, and says whose fault it is. Its text is made
    for clients: no secret, no address of a database, no stack."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, HeadwaterError):
            return None
        body = {"message": error.message, "source": error.source, "retryable": error.retryable}
        return JsonResponse(body, status=error.status)
