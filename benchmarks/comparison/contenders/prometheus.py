"""A thousand samples of each of many series of Prometheus, as a table."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from .ours import host

SAMPLES, STEP = 1_000, 15
START = 1_704_067_200
END = START + (SAMPLES - 1) * STEP


def _expr(series: int) -> str:
    return f"load{{number=~'{_below(series)}'}}"


def _below(series: int) -> str:
    """A pattern of the numbers below a power of ten; they have leading zeros."""
    digits = len(str(series)) - 1
    return "0" * (4 - digits) + "." * digits


def openmetrics(series: int) -> str:
    """What fills a server with `series` series."""
    lines = ["# TYPE load gauge"]
    for number in range(series):
        labels = f'job="job-{number % 20}",instance="host-{number}:9100",number="{number:04}"'
        lines += [
            f"load{{{labels}}} {(number * SAMPLES + n) / 7!r} {START + n * STEP}" for n in range(SAMPLES)
        ]
    return "\n".join([*lines, "# EOF", ""])


def wire(address: dict[str, Any], series: int) -> Callable[[], int]:
    """The limit: ask for the same bytes and throw them away."""
    path = "/api/v1/query_range?" + urlencode(
        {"query": _expr(series), "start": START, "end": END, "step": STEP}
    )

    def call() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", address["port"])
        connection.request("GET", path)
        response = connection.getresponse()
        while response.read(1 << 20):
            pass
        return series * SAMPLES

    return call


def headwater_long(address: dict[str, Any], series: int) -> Callable[[], int]:
    return _headwater(address, series, "long")


def headwater_wide(address: dict[str, Any], series: int) -> Callable[[], int]:
    return _headwater(address, series, "wide")


def api_client(address: dict[str, Any], series: int) -> Callable[[], int]:
    import prometheus_api_client as peer

    connection = peer.PrometheusConnect(url=f"http://127.0.0.1:{address['port']}")
    start, end = datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(END, UTC)
    frame = peer.MetricRangeDataFrame
    return lambda: len(frame(connection.custom_query_range(_expr(series), start, end, str(STEP))))


def prometheus_pandas(address: dict[str, Any], series: int) -> Callable[[], int]:
    from prometheus_pandas import query

    connection = query.Prometheus(f"http://127.0.0.1:{address['port']}")
    return lambda: int(connection.query_range(_expr(series), START, END, f"{STEP}s").size)


def _headwater(address: dict[str, Any], series: int, layout: str) -> Callable[[], int]:
    from headwater import TimeRange

    made = host(type="prometheus", url=f"http://127.0.0.1:{address['port']}")
    made.check_health("source")  # loads the data source's modules
    window = TimeRange.from_epoch_ms(START * 1000, END * 1000)
    query = {"expr": _expr(series), "layout": layout, "interval": f"{STEP}s"}

    def call() -> int:
        frame = made.query("source", query, time_range=window)
        return len(frame) * (frame.num_columns - 1 if layout == "wide" else 1)

    return call
