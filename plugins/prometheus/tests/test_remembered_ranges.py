"""What is joined of remembered points and new ones is the answer that the server gives to the whole range."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from headwater import Frame, Headwater
from headwater.frames import CacheStatus
from headwater.models import AnswerTraits, DataQuery, DataResponse, TimeRange
from headwater.queries import AnswerCache, CacheRule
from headwater.sdk import parse
from headwater_prometheus.plugin import PrometheusPlugin
from headwater_prometheus.query import PrometheusQuery
from headwater_prometheus.settings import PrometheusSettings
from servers import remote_write
from servers.prometheus import V3, PrometheusServer
from servers.prometheus_samples import START, STEP, Live

HIT, PARTIAL, MISS = CacheStatus.HIT, CacheStatus.PARTIAL, CacheStatus.MISS
EXPRESSIONS = [
    "requests",
    "sum by (zone) (rate(requests[$__rate_interval]))",
    "gappy",
    "topk(1, requests offset 5m)",
    "requests > 200",
    "avg_over_time(gappy[10m]) or vector(time())",
    "histogram_quantile(0.9, gappy)",
    "no_such_metric",
    "requests @ end()",
    "increase(requests[$__range])",
]


class Clock:
    now = float(START)

    def __call__(self) -> float:
        return self.now


class Pair:
    """One server, asked with and without memory."""

    def __init__(self, url: str, rule: CacheRule) -> None:
        self.clock = Clock()
        self.cache = AnswerCache(rule, clock=self.clock)
        self.hosts = [Headwater(answer_cache=self.cache), Headwater()]
        for host in self.hosts:
            host.add_data_source("source", type="prometheus", uid="source", url=url)

    def ask(self, expr: str, start: float, end: float, **query: Any) -> tuple[DataResponse, DataResponse]:
        body = {
            "from": str(int(start * 1000)),
            "to": str(int(end * 1000)),
            "queries": [
                {"refId": "A", "datasource": {"uid": "source"}, "expr": expr, "range": True, **query}
            ],
        }
        remembered, asked = (host.query_data(body).responses["A"] for host in self.hosts)
        return remembered, asked

    def close(self) -> None:
        for host in self.hosts:
            host.close()


MakePair = Callable[..., Pair]


@pytest.fixture
def pair_of(prometheus: PrometheusServer) -> Iterator[MakePair]:
    pairs: list[Pair] = []

    def make(**rule: float) -> Pair:
        pairs.append(Pair(prometheus.url, CacheRule(**{"ttl": 0.001, **rule})))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.close()


def described(response: DataResponse) -> list[tuple[Any, ...]]:
    """All that a client sees, NaN included, frames in the order of their labels."""
    assert response.error is None
    return [_described(frame) for frame in response.frames]


def _described(frame: Frame) -> tuple[Any, ...]:
    values = {key: list(map(str, column)) for key, column in frame.table.to_pydict().items()}
    fields = [(field.name, str(field.type), field.labels, field.config) for field in frame.fields]
    return frame.name, frame.ref_id, frame.meta, fields, values


MOVES = st.lists(
    st.tuples(
        st.integers(0, 3600),
        st.sampled_from([300, 900, 3600]),
        st.sampled_from([15_000, 30_000, 7_000, 600_000]),
        st.integers(0, len(EXPRESSIONS) - 1),
        st.sampled_from([{}, {"utcOffsetSec": 3600 + 11}, {"legendFormat": "{{job}}"}]),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES, overlap=st.sampled_from([0, 45, 120]))
def test_any_windows_are_answered_as_without_memory(
    pair_of: MakePair, moves: list[tuple[int, int, int, int, dict[str, Any]]], overlap: int
) -> None:
    pair = pair_of(overlap=overlap)
    for offset, length, step, expression, more in moves:
        pair.clock.now = max(pair.clock.now + 1, START + offset)
        end = START + offset
        remembered, asked = pair.ask(
            EXPRESSIONS[expression], end - length, end, intervalMs=step, maxDataPoints=500, **more
        )
        assert described(remembered) == described(asked)


@pytest.mark.parametrize("expr", EXPRESSIONS[:6])
def test_a_window_that_moves_asks_for_what_is_new(pair_of: MakePair, expr: str) -> None:
    pair = pair_of(overlap=120)
    statuses = []
    for offset in range(1800, 2400, 25):
        pair.clock.now = START + offset
        remembered, asked = pair.ask(expr, START + offset - 1800, START + offset, intervalMs=15_000)
        assert described(remembered) == described(asked)
        statuses.append(remembered.cache)
    assert statuses[0] is MISS
    assert set(statuses[1:]) == {PARTIAL}


def test_a_past_window_is_not_asked_for_again(pair_of: MakePair) -> None:
    pair = pair_of()
    for now in (START + 7200, START + 7300):
        pair.clock.now = now
        remembered, asked = pair.ask("requests", START, START + 3600, intervalMs=15_000)
        assert described(remembered) == described(asked)
    assert remembered.cache is HIT


def test_samples_that_come_late_are_in_the_next_answer(live: Live) -> None:
    pair = Pair(live.server.url, CacheRule(ttl=0.001, overlap=120))
    now = int(time.time())
    try:
        pair.clock.now = now
        pair.ask("late_arrivals", now - 900, now, intervalMs=15_000)
        for seconds_ago in (90, 60, 30):
            series = remote_write.Series(
                {"__name__": "late_arrivals", "ago": str(seconds_ago)},
                samples=[((now - seconds_ago) * 1000, float(seconds_ago))],
            )
            remote_write.write(live.server.url, [series])
            pair.clock.now += 1
            remembered, asked = pair.ask("late_arrivals", now - 900, now, intervalMs=15_000)
            assert described(remembered) == described(asked)
            assert remembered.cache is PARTIAL
    finally:
        pair.close()


def test_a_dashboard_reads_few_samples_again(prometheus: PrometheusServer, pair_of: MakePair) -> None:
    """Twenty panels over most of an hour, of which only the newest two minutes can change."""

    def samples() -> float:
        return prometheus.metric("prometheus_engine_query_samples_total")

    if prometheus.version != V3:
        pytest.skip("only Prometheus 3 counts the samples that it reads")
    pair = pair_of(overlap=120)
    pair.clock.now = START + 3000
    asked, read = [0.0, 0.0], [0.0, 0.0]
    for refresh in range(3):
        pair.clock.now += 5
        end = pair.clock.now
        queries = [
            {
                "refId": f"panel {panel}",
                "datasource": {"uid": "source"},
                "expr": f"requests + {panel}",
                "range": True,
                "intervalMs": STEP * 1000,
            }
            for panel in range(20)
        ]
        body = {"from": str(int(end - 3000) * 1000), "to": str(int(end) * 1000), "queries": queries}
        for index, host in enumerate(pair.hosts):
            before = samples()
            host.query_data(body)
            read[index] = samples() - before
            asked[index] += read[index] if refresh else 0
    with_memory, without = asked
    assert with_memory <= 0.06 * without  # 11 of 201 points


# --- which queries can be joined -------------------------------------------------------------------

HOUR = TimeRange.from_epoch_ms(START * 1000, (START + 3600) * 1000)


def traits(json: dict[str, Any], **config: Any) -> AnswerTraits:
    query = DataQuery("A", time_range=HOUR, interval_ms=15_000, json={"datasource": {}, **json})
    parsed = parse(PrometheusQuery, query.json, ignore_unknown=True, injected={"data_query": query})
    return PrometheusPlugin().answer_traits(parsed, parse(PrometheusSettings, config))


@pytest.mark.parametrize(
    "expr",
    [
        "up",
        "sum by (job) (rate(x[5m])) / on (job) group_left (a) y",
        "x offset 5m",
        'x{a="offset -1m @ end()"}',
        "x and (y)",
        "rate(x[$__rate_interval])",
    ],
)
def test_points_of_these_stand_for_themselves(expr: str) -> None:
    assert traits({"expr": expr}).steps is not None


@pytest.mark.parametrize(
    "expr",
    [
        "x @ end()",
        "x @ 1700000000",
        "x offset -5m",
        "x offset (-5m)",
        "increase(x[$__range])",
        "increase(x[${__range_s}s])",
        "running_sum(x)",
        "topk_avg(1, x)",
        "limitk(2, x)",
        "rate(x[5m] smoothed)",
    ],
)
def test_points_of_these_depend_on_more_than_their_moment(expr: str) -> None:
    assert traits({"expr": expr}).steps is None


@pytest.mark.parametrize(
    "json", [{"instant": True}, {"instant": True, "range": True}, {"exemplar": True}, {"layout": "long"}]
)
def test_other_answers_are_remembered_as_a_whole(json: dict[str, Any]) -> None:
    assert traits({"expr": "up", **json}).steps is None


def test_only_headers_that_are_forwarded_tell_callers_apart() -> None:
    assert traits({"expr": "up"}).headers == ()
    assert traits({"expr": "up"}, oauthPassThru=True, keepCookies=["session"]).headers == (
        "authorization",
        "x-id-token",
        "cookie",
    )
    assert not traits({"expr": "up"}).user
