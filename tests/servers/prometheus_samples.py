"""Known samples for Prometheus-like servers, and a host that queries them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs

from headwater import Frame, Headwater, TimeRange
from headwater.models import CallResourceResponse
from servers import remote_write
from servers.prometheus import PrometheusServer

START = 1_704_067_200  # 2024-01-01T00:00:00Z, in seconds
STEP = 15
POINTS = 241
HOUR = TimeRange.from_epoch_ms(START * 1000, (START + 3600) * 1000)

SPECIAL_VALUES = ("NaN", "+Inf", "-Inf", "-0", "4.9e-324", "1.7976931348623157e+308", "0.1", "1e21")
HOSTILE_LABELS = ('say "hi"', "back\\slash", "new\nline", '},{"metric":{', "a,b]}[c", "ünïcödé ☃", "+1", " ")


def value_of(job: int, point: int) -> float:
    return point * 1.5 + job


def openmetrics() -> str:
    """`requests` (3 jobs, an hour), `special`, `gappy` (each series lacks other steps), `hostile`."""
    lines = ["# TYPE requests gauge"]
    for job in range(3):
        lines += [
            f'requests{{job="j{job}",zone="z{job % 2}"}} {value_of(job, point)} {START + point * STEP}'
            for point in range(POINTS)
        ]
    lines.append("# TYPE special gauge")
    lines += [f"special {text} {START + point * STEP}" for point, text in enumerate(SPECIAL_VALUES)]
    lines.append("# TYPE gappy gauge")
    for series in range(2):
        lines += [
            f'gappy{{n="{series}"}} {point} {START + point * 600}'
            for point in range(6)
            if point % 2 == series
        ]
    lines.append("# TYPE hostile gauge")
    lines += [f'hostile{{text="{_escape(text)}"}} {n} {START}' for n, text in enumerate(HOSTILE_LABELS)]
    return "\n".join([*lines, "# EOF", ""])


def own_metrics() -> str:
    """What a Prometheus that scrapes itself has after an hour, and half an hour of its future."""
    now = int(time.time()) // STEP * STEP
    points = range(-3600 // STEP, 1800 // STEP)
    where = 'instance="localhost:9090",job="prometheus"'
    families = {
        "up": ["up{%s}"],
        "prometheus_http_requests_total": [
            'prometheus_http_requests_total{code="200",handler="/metrics",%s}',
            'prometheus_http_requests_total{code="200",handler="/api/v1/query",%s}',
        ],
        "prometheus_http_request_duration_seconds_bucket": [
            'prometheus_http_request_duration_seconds_bucket{handler="/metrics",le="+Inf",%s}'
        ],
    }
    lines = []
    for name, series in families.items():
        lines.append(f"# TYPE {name} gauge")
        for selector in series:
            text = selector % where
            lines += [
                f"{text} {1 if name == 'up' else 1000 + point} {now + point * STEP}" for point in points
            ]
    return "\n".join([*lines, "# EOF", ""])


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@attrs.frozen
class Source:
    """A host with one data source, and the hour that the samples are from."""

    host: Headwater
    name: str = "source"

    def query(self, query: str | dict[str, Any], **options: Any) -> Frame:
        return self.host.query(self.name, query, **{"time_range": HOUR, **options})

    def frames(self, query: str | dict[str, Any], **options: Any) -> list[Frame]:
        return self.host.query_frames(self.name, query, **{"time_range": HOUR, **options})

    def resource(self, path: str, query_string: str = "", **options: Any) -> CallResourceResponse:
        return self.host.call_resource(self.name, path, query_string=query_string, **options)


SourceMaker = Callable[..., Source]
"""Makes a source for a URL; keyword arguments are fields of the data source."""


@attrs.frozen
class Live:
    """When, in milliseconds, the samples that came by remote write are from."""

    server: PrometheusServer
    now: int

    @property
    def minute(self) -> TimeRange:
        return TimeRange.from_epoch_ms(self.now - 60_000, self.now)


def recent_series(now: int, *, utf8_names: bool) -> list[remote_write.Series]:
    """Three points up to `now` (ms): `latency` and `mixed` with native histograms, `traced_total`."""
    times = [now - 30_000, now - 15_000, now]
    histograms = [
        remote_write.NativeHistogram(each, schema=0, offset=0, buckets=(1, 2 + n, 3), sum=4.5)
        for n, each in enumerate(times)
    ]
    exemplars = [
        remote_write.Exemplar(now - 20_000 + n * 1000, float(n), {"trace_id": f"t{n}"}) for n in range(5)
    ]
    counts = [(each, float(n)) for n, each in enumerate(times)]
    series = [
        remote_write.Series({"__name__": "latency", "job": "a"}, histograms=histograms),
        remote_write.Series({"__name__": "mixed"}, samples=[(times[0], 7.0)], histograms=histograms[1:]),
        remote_write.Series({"__name__": "traced_total", "job": "a"}, samples=counts, exemplars=exemplars),
    ]
    if utf8_names:
        labels = {"__name__": "my.metric", "http.status": "200", "job": "ü"}
        series.append(remote_write.Series(labels, samples=counts))
    return series
