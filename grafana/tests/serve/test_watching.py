"""A query whose progress is told runs in a thread of its own, which nobody may be left to."""

from __future__ import annotations

import json
from typing import Any

from headwater.calls import WorkerPool
from headwater.plugins import CorePlugin
from headwater.secrets import Redactor
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.serve.calls import PluginCalls
from headwater_grafana.serve.data import DataService
from headwater_grafana.serve.metrics import RequestMetrics
from headwater_grafana.serve.native import NativeService
from headwater_testdata.plugin import TestDataPlugin
from servers.process import eventually


class Rpc:
    """A call that gRPC has not yet been told the end of."""

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def time_remaining(self) -> None:
        return None

    def add_callback(self, _ended: Any) -> bool:
        return True


def test_a_watched_query_ends_when_nobody_watches_any_more() -> None:
    metrics = RequestMetrics()
    plugin = CorePlugin.of("testdata", TestDataPlugin(), middlewares=(metrics,))
    calls = PluginCalls(plugin, Redactor(), WorkerPool("headwater-test"))
    endless = json.dumps({"scenario": "streaming_rows", "rows": 10**9, "batchRows": 1, "delayMs": 50})
    asked = pb.QueryDataRequest(
        plugin_context=pb.PluginContext(data_source_instance_settings=pb.DataSourceInstanceSettings(uid="u")),
        queries=[pb.DataQuery(ref_id="A", json=endless.encode())],
    )
    rpc: Any = Rpc()
    answer: Any = NativeService(calls, DataService(calls)).watch_query_data(asked, rpc)
    assert next(answer).progress.rows == 1

    answer.close()

    assert eventually(lambda: "cancelled" in _outcomes(metrics), 10)
    plugin.stop()


def _outcomes(metrics: RequestMetrics) -> set[str]:
    return {sample.labels.get("status", "") for family in metrics.collect() for sample in family.samples}
