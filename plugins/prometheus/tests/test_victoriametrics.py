"""VictoriaMetrics speaks the same API with its own accents."""

from __future__ import annotations

import pytest

from headwater.errors import QueryError
from headwater.models import HealthStatus
from servers.prometheus_samples import POINTS, START, Source, SourceMaker, value_of
from servers.victoriametrics import VictoriaMetricsServer


@pytest.fixture
def victoria(victoriametrics: VictoriaMetricsServer, make_source: SourceMaker) -> Source:
    return make_source(victoriametrics.url)


def test_ranges_and_instants(victoria: Source) -> None:
    frame = victoria.query({"expr": "requests", "layout": "wide"})
    assert frame.num_columns == 4
    assert frame.table.column(2).to_pylist() == [value_of(1, point) for point in range(POINTS)]
    instant = victoria.query({"expr": "sum(requests)", "instant": True})
    assert instant.table["Value"].to_pylist() == [3 * 360.0 + 3]


def test_its_statistics_are_kept(victoria: Source) -> None:
    meta = victoria.query("requests").meta
    assert meta is not None
    assert "seriesFetched" in meta.custom["stats"]


def test_metricsql_passes_the_filters_untouched(victoria: Source) -> None:
    query = {
        "expr": 'requests{job="j0" or job="j1"} default 0',
        "adhocFilters": [{"key": "zone", "value": "z1", "operator": "equals"}],
    }
    assert victoria.query(query).table["job"].combine_chunks().dictionary.to_pylist() == ["j1"]


def test_a_syntax_error_is_the_callers(victoria: Source) -> None:
    with pytest.raises(QueryError):
        victoria.query("sum(requests")


def test_labels_and_health(victoria: Source) -> None:
    labels = victoria.resource("api/v1/label/job/values", f"start={START}&end={START + 3600}")
    assert labels.body == b'{"status":"success","data":["j0","j1","j2"]}'
    assert victoria.host.check_health("source").status is HealthStatus.OK
