"""What a dashboard that is drawn again every 5 s reads of its Prometheus, with memory and without."""

from __future__ import annotations

import pytest

from headwater import Headwater
from headwater.queries import AnswerCache, CacheRule
from options import chosen
from servers.prometheus import V3, PrometheusServer, start_prometheus

PANELS = 20
DAY = 24 * 3600
START = 1_704_067_200
SCRAPED = 60
STEP_MS = 60_000
REFRESHED = 5

pytestmark = pytest.mark.timeout(0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_dashboard_reads_little_again(pytestconfig: pytest.Config, report: list[str]) -> None:
    refreshes = int(chosen(pytestconfig, "refreshes", usual=60, quick=24))
    with start_prometheus(V3, openmetrics=_openmetrics()) as server:
        clock = Clock()
        remembering = AnswerCache(CacheRule(ttl=REFRESHED), clock=clock)
        with Headwater() as plain, Headwater(answer_cache=remembering) as caching:
            read = {host: _drawn(host, server, clock, refreshes) for host in (plain, caching)}
    share = read[caching] / read[plain]
    report.append(
        f"{PANELS} panels over 24 h, drawn {refreshes} times, every {REFRESHED} s: {read[plain]:,.0f} "
        f"samples read without memory, {read[caching]:,.0f} with it ({share:.1%})."
    )
    assert share <= 0.05


def _drawn(host: Headwater, server: PrometheusServer, clock: Clock, refreshes: int) -> float:
    """Samples that the server's engine read for it."""
    host.add_data_source("metrics", type="prometheus", uid="metrics", url=server.url)
    before = server.metric("prometheus_engine_query_samples_total")
    for refresh in range(refreshes):
        clock.now = START + DAY + 3600 + REFRESHED * refresh
        queries = [
            {
                "refId": f"P{panel}", "datasource": {"uid": "metrics"}, "range": True, "intervalMs": STEP_MS,
                "maxDataPoints": 1500, "expr": _expression(panel),
            }
            for panel in range(PANELS)
        ]  # fmt: skip
        window = {"from": str(int(1000 * (clock.now - DAY))), "to": str(int(1000 * clock.now))}
        answers = host.query_data({**window, "queries": queries}).responses
        assert all(answer.error is None and answer.frames for answer in answers.values())
    return server.metric("prometheus_engine_query_samples_total") - before


def _expression(panel: int) -> str:
    metric, form = divmod(panel, len(_EXPRESSIONS))
    return _EXPRESSIONS[form].replace("N", str(metric))


_EXPRESSIONS = (
    'load{panel="N"}',
    'sum(load{panel="N"})',
    'avg_over_time(load{panel="N"}[5m])',
    'sum by (job) (rate(load{panel="N"}[5m]))',
)


def _openmetrics() -> str:
    """Five panels' metrics of two jobs: a sample each minute of 26 hours."""
    lines = ["# TYPE load gauge"]
    for panel in range(PANELS // len(_EXPRESSIONS)):
        for job in ("a", "b"):
            lines += [
                f'load{{panel="{panel}",job="{job}"}} {second // SCRAPED * (panel + 1)} {START + second}'
                for second in range(0, DAY + 2 * 3600, SCRAPED)
            ]
    return "\n".join([*lines, "# EOF", ""])
