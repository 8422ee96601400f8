"""Queries against Prometheus of both generations."""

from __future__ import annotations

import math
import struct
from typing import Any

import pyarrow as pa
import pytest

from headwater import TimeRange
from headwater.calls import CallContext
from headwater.errors import DownstreamServerError, LimitExceededError, QueryError, ValidationError
from headwater.frames import Frame
from servers.prometheus import V3
from servers.prometheus_samples import (
    HOSTILE_LABELS,
    HOUR,
    POINTS,
    SPECIAL_VALUES,
    START,
    STEP,
    Live,
    Source,
    SourceMaker,
    value_of,
)


def milliseconds(frame: Frame) -> list[int]:
    values: list[int] = frame.table.column(0).cast(pa.int64()).to_pylist()
    return values


GRID = [(START + point * STEP) * 1000 for point in range(POINTS)]


def test_a_query_in_a_program_gives_one_long_frame(source: Source) -> None:
    frame = source.query("requests")
    assert frame.table.column_names == ["Time", "__name__", "job", "zone", "Value"]
    assert frame.num_rows == 3 * POINTS
    assert milliseconds(frame) == GRID * 3
    assert frame.table["Value"].to_pylist() == [value_of(job, n) for job in range(3) for n in range(POINTS)]
    assert frame.table["job"].combine_chunks().dictionary.to_pylist() == ["j0", "j1", "j2"]


def test_a_query_by_a_grafana_client_gives_a_frame_per_series(source: Source) -> None:
    body = {
        "from": str(START * 1000),
        "to": str((START + 3600) * 1000),
        "queries": [
            {
                "refId": "B",
                "datasource": {"type": "prometheus", "uid": source.host.data_source("source").uid},
                "expr": "requests",
                "range": True,
                "legendFormat": "{{job}}",
                "intervalMs": 15_000,
                "maxDataPoints": 1000,
            }
        ],
    }
    frames = source.host.query_data(body).responses["B"].frames
    assert [frame.fields[1].name for frame in frames] == ["requests"] * 3
    assert [frame.fields[1].config.display_name_from_ds for frame in frames if frame.fields[1].config] == [
        "j0",
        "j1",
        "j2",
    ]
    first = frames[0]
    assert first.ref_id == "B"
    assert first.fields[1].labels == {"__name__": "requests", "job": "j0", "zone": "z0"}
    assert first.fields[0].config is not None
    assert first.fields[0].config.interval == 15_000
    assert first.meta is not None
    assert first.meta.executed_query_string == "Expr: requests\nStep: 15s"
    assert first.meta.custom == {"resultType": "matrix", "calculatedMinStep": 15_000}
    assert frames[1].meta is not None
    assert frames[1].meta.custom == {"resultType": "matrix"}


@pytest.mark.parametrize("unknown", ["foobar", 999])
def test_an_unknown_format_is_time_series(source: Source, unknown: object) -> None:
    body = {"expr": "requests", "range": True, "datasource": {"uid": source.host.data_source("source").uid}}
    ranges = {"from": str(START * 1000), "to": str((START + 3600) * 1000)}
    asked, plain = (
        source.host.query_data({**ranges, "queries": [{"refId": "A", **body, **extra}]}).responses["A"]
        for extra in ({"format": unknown}, {"format": "time_series"})
    )
    assert asked.error is None
    assert [frame.to_pylist() for frame in asked.frames] == [frame.to_pylist() for frame in plain.frames]


def test_wide_has_a_column_per_series(source: Source) -> None:
    frame = source.query({"expr": "sum by (job) (requests)", "layout": "wide"})
    assert frame.table.column_names == ["Time", '{job="j0"}', '{job="j1"}', '{job="j2"}']
    assert milliseconds(frame) == GRID


def test_absent_steps_are_null_in_wide_and_simply_missing_elsewhere(source: Source) -> None:
    asked = {"expr": "gappy", "interval": "10m"}
    wide = source.query({**asked, "layout": "wide"})
    assert wide.table.column(1).to_pylist() == [0.0, None, 2.0, None, 4.0, None]
    assert wide.table.column(2).to_pylist() == [None, 1.0, None, 3.0, None, 5.0]
    assert source.query(asked).num_rows == 6


def test_every_special_value_is_exact(source: Source) -> None:
    frame = source.query(
        "special", time_range=TimeRange.from_epoch_ms(GRID[0], GRID[len(SPECIAL_VALUES) - 1])
    )
    for value, text in zip(frame.table["Value"].to_pylist(), SPECIAL_VALUES, strict=True):
        if text == "NaN":
            assert math.isnan(value)
        else:
            assert struct.pack("<d", value) == struct.pack("<d", float(text))


def test_hostile_label_values_arrive_unchanged(source: Source) -> None:
    at_start = TimeRange.from_epoch_ms(START * 1000, START * 1000)
    frame = source.query({"expr": "hostile", "instant": True}, time_range=at_start)
    assert sorted(frame.table["text"].to_pylist()) == sorted(HOSTILE_LABELS)


def test_range_and_instant_of_one_query_are_two_results(source: Source) -> None:
    ranged, instant = source.frames({"expr": "sum(requests)", "range": True, "instant": True})
    assert ranged.meta is not None
    assert instant.meta is not None
    assert (ranged.meta.type, instant.meta.type) == ("timeseries-long", "numeric-long")
    assert milliseconds(instant) == [(START + 3600) * 1000]


@pytest.mark.parametrize(
    ("expr", "result_type", "value"),
    [
        ("1 + 0.5", "scalar", 1.5),
        ("scalar(sum(requests)) * 0 + 2", "scalar", 2.0),
        ('"text"', "string", "text"),
    ],
)
def test_scalars_and_strings(source: Source, expr: str, result_type: str, value: object) -> None:
    frame = source.query({"expr": expr, "instant": True})
    assert frame.table["Value"].to_pylist() == [value]
    assert frame.meta is not None
    assert frame.meta.custom["resultType"] == result_type


def test_an_instant_query_of_a_range_selector_is_a_matrix(source: Source) -> None:
    frame = source.query({"expr": 'requests{job="j0"}[1m]', "instant": True})
    assert frame.num_rows in {4, 5}  # Prometheus 3 leaves out the sample at the open end
    assert frame.meta is not None
    assert frame.meta.type == "timeseries-long"


@pytest.mark.parametrize(
    ("layout", "columns"), [("long", ["Time", "Value"]), ("wide", ["Time"]), ("multi", [])]
)
def test_no_data_is_a_typed_frame_without_rows(source: Source, layout: str, columns: list[str]) -> None:
    frame = source.query({"expr": "nothing_here", "layout": layout})
    assert (frame.table.column_names, frame.num_rows) == (columns, 0)
    assert frame.meta is not None
    assert frame.meta.type == f"timeseries-{layout}"
    assert frame.meta.executed_query_string


def test_get_and_post_give_the_same(source: Source, make_source: SourceMaker, live: Live) -> None:
    by_get = make_source(live.server.url, json_data={"httpMethod": "GET"})
    assert by_get.query("requests").equals(source.query("requests"))


def test_variables_filters_and_groupings_reach_the_server(source: Source) -> None:
    frame = source.query(
        {
            "expr": "sum(avg_over_time(requests[$__interval]))",
            "interval": "1m",
            "adhocFilters": [{"key": "job", "values": ["j0", "j1"], "operator": "one-of"}],
            "scopes": [{"filters": [{"key": "zone", "value": "z0", "operator": "equals"}]}],
            "groupByKeys": ["job"],
        }
    )
    assert frame.table["job"].combine_chunks().dictionary.to_pylist() == ["j0"]
    assert frame.meta is not None
    assert "Step: 1m0s" in frame.meta.executed_query_string


FILTERS_OF_A_DASHBOARD = {
    "adhocFilters": [
        {"key": "job", "value": "j1", "operator": "=", "condition": "AND", "fromTheFuture": {"a": [1]}}
    ],
    "scopes": [
        {"name": "s", "fromTheFuture": 1, "filters": [{"key": "zone", "value": "z1", "fromTheFuture": 1}]}
    ],
}


def test_unknown_keys_from_a_client_of_grafana_are_ignored_at_every_depth(source: Source) -> None:
    uid = source.host.data_source(source.name).uid
    query = {"datasource": {"uid": uid}, "expr": "requests", "fromTheFuture": 1, **FILTERS_OF_A_DASHBOARD}
    times = {"from": str(HOUR.from_ms), "to": str(HOUR.to_ms)}
    answer = source.host.query_data({"queries": [query], **times}).responses["A"]
    assert answer.error is None
    assert [frame.fields[1].labels["job"] for frame in answer.frames] == ["j1"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"adhocFilters": [{"kye": "job"}]}, "adhocFilters[0].kye: unknown key; did you mean 'key'?"),
        (
            {"scopes": [{"filters": [{"valuez": "x"}]}]},
            "scopes[0].filters[0].valuez: unknown key; did you mean 'value'?",
        ),
        ({"scopes": [{"filtres": []}]}, "scopes[0].filtres: unknown key; did you mean 'filters'?"),
    ],
)
def test_an_unknown_key_from_a_person_is_refused_at_every_depth(
    source: Source, query: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        source.query({"expr": "requests", **query})
    assert str(refused.value) == message


def test_a_persons_query_copied_from_a_dashboard_is_taken(source: Source) -> None:
    copied = {
        "adhocFilters": [{"key": "job", "value": "j1", "operator": "=", "condition": "", "origin": "scope"}],
        "scopes": [{"name": "s", "title": "S", "filters": [{"key": "zone", "value": "z1"}]}],
    }
    frame = source.query({"expr": "requests", **copied})
    assert frame.table["job"].combine_chunks().dictionary.to_pylist() == ["j1"]


def test_native_histograms_are_kept(source: Source, live: Live) -> None:
    frame = source.query("latency", time_range=live.minute)
    first = frame.table["Histogram"].to_pylist()[0]
    assert (first["count"], first["sum"]) == (6.0, 4.5)
    assert [bucket["count"] for bucket in first["buckets"]] == [1.0, 2.0, 3.0]
    assert [(bucket["low"], bucket["high"]) for bucket in first["buckets"]] == [
        (0.5, 1.0),
        (1.0, 2.0),
        (2.0, 4.0),
    ]

    (heatmap,) = source.frames({"expr": "latency", "layout": "multi"}, time_range=live.minute)
    assert heatmap.meta is not None
    assert heatmap.meta.type == "heatmap-cells"
    assert heatmap.num_rows == 9

    instant = source.query({"expr": "latency", "instant": True}, time_range=live.minute)
    assert instant.table["Histogram"].to_pylist()[0]["count"] == 8.0


def test_a_series_with_samples_and_histograms_keeps_both(source: Source, live: Live) -> None:
    frame = source.query("mixed", time_range=live.minute)
    assert frame.table["Value"].drop_null().to_pylist() == [7.0]
    assert len(frame.table["Histogram"].drop_null()) == 2


def test_exemplars_come_whole_in_programs_and_sampled_for_graphs(source: Source, live: Live) -> None:
    _, whole = source.frames({"expr": "traced_total", "exemplar": True}, time_range=live.minute)
    assert whole.name == "exemplar"
    assert whole.table["trace_id"].to_pylist() == ["t0", "t1", "t2", "t3", "t4"]
    *_, sampled = source.frames(
        {"expr": "traced_total", "exemplar": True, "layout": "multi"}, time_range=live.minute
    )
    assert 0 < sampled.num_rows < 5


def test_alert_rules_get_no_exemplars(source: Source, live: Live) -> None:
    alert = CallContext(headers={"FromAlert": "true"})
    asked = {"expr": "traced_total", "exemplar": True}
    assert len(source.frames(asked, time_range=live.minute, context=alert)) == 1


def test_statistics_are_asked_for_when_configured(make_source: SourceMaker, live: Live) -> None:
    source = make_source(live.server.url, json_data={"queryStatsEnabled": True})
    meta = source.query("requests").meta
    assert meta is not None
    assert meta.stats[0].config.display_name == "Total queryable samples"
    assert meta.stats[0].value > 0
    assert "timings" in meta.custom["stats"]


def test_warnings_and_infos_become_notices(source: Source, live: Live) -> None:
    if live.server.version != V3:
        pytest.skip("only Prometheus 3 has PromQL annotations")
    notices = source.query("histogram_quantile(3, requests)").notices
    assert any("quantile" in notice.text and notice.severity == "warning" for notice in notices)
    (info,) = source.query("rate(requests[5m])").notices
    assert info.severity == "info"
    assert "counter" in info.text


def test_utf8_names_are_quoted_everywhere(source: Source, live: Live) -> None:
    if live.server.version != V3:
        pytest.skip("only Prometheus 3 has UTF-8 names")
    asked = {
        "expr": '{"my.metric"}',
        "layout": "wide",
        "adhocFilters": [{"key": "http.status", "value": "200", "operator": "equals"}],
    }
    frame = source.query(asked, time_range=live.minute)
    assert frame.table.column_names[1] == '{"my.metric", "http.status"="200", job="ü"}'
    again = source.query(frame.table.column_names[1], time_range=live.minute)
    assert again.num_rows == 3


def test_a_promql_error_names_the_place_and_is_the_callers(source: Source) -> None:
    with pytest.raises(QueryError, match=r"1:13: parse error") as failed:
        source.query("sum(requests")
    assert failed.value.status == 400


def test_an_error_of_evaluation_keeps_the_servers_type(source: Source) -> None:
    with pytest.raises(DownstreamServerError, match=r"many-to-many|duplicate") as failed:
        source.query("requests * on (zone) requests")
    assert failed.value.name == "execution"
    assert failed.value.code == 422


def test_an_empty_expression_is_refused_without_asking(source: Source) -> None:
    with pytest.raises(QueryError, match="no expression"):
        source.query({"expr": "  "})


def test_one_bad_query_does_not_fail_its_neighbour(source: Source) -> None:
    uid = source.host.data_source("source").uid
    queries = [
        {"refId": ref_id, "datasource": {"uid": uid}, "expr": expr}
        for ref_id, expr in (("A", "sum(requests"), ("B", "requests"))
    ]
    body = {"from": str(START * 1000), "to": str((START + 60) * 1000), "queries": queries}
    responses = source.host.query_data(body).responses
    assert isinstance(responses["A"].error, QueryError)
    assert len(responses["B"].frames) == 3


@pytest.mark.parametrize("layout", ["long", "wide", "multi"])
def test_more_rows_than_allowed_are_cut_with_a_notice(source: Source, layout: str) -> None:
    frames = source.frames({"expr": "requests", "layout": layout}, max_rows=300)
    samples = sum(
        len(column.drop_null())
        for frame in frames
        for column in frame.table.columns
        if column.type == "double"
    )
    assert samples == 300
    (notice,) = [notice for frame in frames for notice in frame.notices]
    assert notice.text == "Results have been limited to 300 samples because the row limit was reached"


@pytest.mark.parametrize("layout", ["long", "wide", "multi"])
def test_more_bytes_than_allowed_are_refused_naming_the_limit(source: Source, layout: str) -> None:
    with pytest.raises(LimitExceededError, match="1000 bytes"):
        source.frames({"expr": "requests", "layout": layout}, max_bytes=1000)


def test_the_range_may_be_so_long_that_the_step_has_to_grow(source: Source) -> None:
    decade = TimeRange.from_epoch_ms((START - 315_360_000) * 1000, (START + 86_400) * 1000)
    frame = source.query("max_over_time(requests[1w])", time_range=decade, max_data_points=1_000_000)
    assert frame.num_rows > 0


def test_chunked_queries_stream_series_by_series(source: Source) -> None:
    uid = source.host.data_source("source").uid
    query = {
        "refId": "A",
        "datasource": {"uid": uid},
        "expr": "requests",
        "interval": "15s",
        "maxDataPoints": 1000,
    }
    body = {"from": str(START * 1000), "to": str((START + 3600) * 1000), "queries": [query]}
    chunks = list(source.host.query_chunked_data(body, CallContext(timeout=30)))
    assert [chunk.frame_id for chunk in chunks] == ["0", "1", "2"]
    assert all(chunk.frame is not None and chunk.frame.num_rows == POINTS for chunk in chunks)
