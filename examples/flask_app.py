"""Flask: one host in each worker process, shared by its threads; rows as JSON, or streamed as Arrow.

    pip install 'headwater[yaml]' headwater-testdata flask gunicorn
    gunicorn --preload --workers 2 --threads 8 flask_app:app
    curl localhost:8000/query/demo --json '{"scenario": "streaming_rows", "rows": 3}'

Whoever reaches this app may run any query: put your own authentication in front.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
from typing import Any

from flask import Flask, Response, request

from headwater import Headwater
from headwater.datasources import provision
from headwater.errors import HeadwaterError
from headwater.frames import encode_stream
from headwater.models import HealthStatus

SECONDS = 30.0
"""A WSGI app cannot see that a client is gone before it writes: a deadline ends what nobody waits for."""

app = Flask(__name__)


@app.get("/health/<data_source>")
def health(data_source: str) -> tuple[dict[str, Any], int]:
    result = headwater().check_health(data_source, timeout=5)
    status = 200 if result.status is HealthStatus.OK else 503
    return {"status": result.status.name, "message": result.message}, status


@app.post("/query/<data_source>")
def query(data_source: str) -> dict[str, Any]:
    frame = headwater().query(data_source, request.get_json(), timeout=SECONDS, max_rows=10_000)
    return {"rows": frame.to_pylist(), "notices": [notice.text for notice in frame.notices]}


@app.post("/arrow/<data_source>")
def arrow(data_source: str) -> Response:
    """Sent while rows arrive. When writing fails, because the client is gone, the query ends."""
    stream = headwater().stream(data_source, request.get_json())
    response = Response(encode_stream(stream), mimetype="application/vnd.apache.arrow.stream")
    response.call_on_close(stream.close)
    return response


@app.errorhandler(HeadwaterError)
def failed(error: HeadwaterError) -> tuple[dict[str, Any], int]:
    return {"message": error.message, "source": error.source, "retryable": error.retryable}, error.status


_opening = threading.Lock()


def headwater() -> Headwater:
    """This process's host, opened by its first request: one that a preloading server made would be of no use
    in the workers that it forks."""
    with _opening:
        return _open()


@functools.cache
def _open() -> Headwater:
    host = Headwater(logger=app.logger)
    atexit.register(host.close)
    if file := os.environ.get("HEADWATER_PROVISIONING"):
        provision(host.data_sources, [file])
    else:
        host.add_data_source(name="demo", type="testdata")
    return host


os.register_at_fork(after_in_child=_open.cache_clear)
