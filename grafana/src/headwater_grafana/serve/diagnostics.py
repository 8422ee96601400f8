"""The service `pluginv2.Diagnostics`: health of a data source, metrics of the process."""

from __future__ import annotations

import json

import grpc

from headwater.errors import ValidationError
from headwater.models import CheckHealthRequest, HealthStatus
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import read_headers

from .calls import PluginCalls
from .metrics import RequestMetrics


class DiagnosticsService:
    """What Grafana shows beside "Save & test", and what it serves under `/api/plugins/ID/metrics`."""

    def __init__(self, calls: PluginCalls, metrics: RequestMetrics) -> None:
        self._calls = calls
        self._metrics = metrics

    def check_health(
        self, message: pb.CheckHealthRequest, rpc: grpc.ServicerContext
    ) -> pb.CheckHealthResponse:
        try:
            return self._check(message, rpc)
        except ValidationError as error:  # settings that Grafana stores and the plugin does not take
            return pb.CheckHealthResponse(status=pb.CheckHealthResponse.ERROR, message=str(error))

    def _check(self, message: pb.CheckHealthRequest, rpc: grpc.ServicerContext) -> pb.CheckHealthResponse:
        with self._calls.answering(message, rpc, message.headers) as call:
            request = CheckHealthRequest(call.plugin_context, read_headers(message.headers))
            result = self._calls.runner.start(
                lambda: self._calls.client.check_health(request, call.context),
                call.context,
                call.plugin_context,
                here=True,
            ).result()
        return pb.CheckHealthResponse(
            status=HealthStatus(result.status).name,
            message=result.message,
            json_details=json.dumps(dict(result.details), default=str).encode() if result.details else b"",
        )

    def collect_metrics(
        self,
        message: pb.CollectMetricsRequest,
        rpc: grpc.ServicerContext,
    ) -> pb.CollectMetricsResponse:
        payload = pb.CollectMetricsResponse.Payload(prometheus=self._metrics.text())
        return pb.CollectMetricsResponse(metrics=payload)
