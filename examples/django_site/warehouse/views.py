"""Rows as JSON, or streamed as Arrow.

Whoever reaches these views may run any query: put the project's own authentication in front.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from headwater import FrameStream
from headwater.frames import encode_stream
from headwater.models import HealthStatus

from .host import headwater

SECONDS = 30.0
"""A WSGI app cannot see that a client is gone before it writes: a deadline ends what nobody waits for."""


@require_GET
def health(_request: HttpRequest, data_source: str) -> HttpResponse:
    result = headwater().check_health(data_source, timeout=5)
    status = 200 if result.status is HealthStatus.OK else 503
    return JsonResponse({"status": result.status.name, "message": result.message}, status=status)


@csrf_exempt  # no cookie opens it; with sessions of Django's take this away
@require_POST
def query(request: HttpRequest, data_source: str) -> HttpResponse:
    try:
        asked = json.loads(request.body)
    except ValueError:
        return HttpResponseBadRequest("The body is not JSON.")
    frame = headwater().query(data_source, asked, timeout=SECONDS, max_rows=10_000)
    return JsonResponse({"rows": frame.to_pylist(), "notices": [notice.text for notice in frame.notices]})


@csrf_exempt
@require_POST
def arrow(request: HttpRequest, data_source: str) -> StreamingHttpResponse | HttpResponse:
    """Sent while rows arrive. When writing fails, because the client is gone, the query ends."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        return HttpResponseBadRequest("The body is not JSON.")
    stream = headwater().stream(data_source, asked)
    return StreamingHttpResponse(_pieces(stream), content_type="application/vnd.apache.arrow.stream")


def _pieces(stream: FrameStream) -> Iterator[Any]:
    """Django closes it at the end of the answer, whatever that is."""
    try:
        yield from encode_stream(stream)
    finally:
        stream.close()
