"""The service `headwater.plugin.v1.Native`: what a Headwater host asks beside Grafana's services."""

from __future__ import annotations

import grpc

from headwater.errors import HeadwaterError
from headwater.plugins import to_bytes
from headwater_grafana.protocol import native_pb2 as pb
from headwater_grafana.protocol.errors import abort

from .calls import PluginCalls


class NativeService:
    """The plugin's own description, and the end of an instance that hangs."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls

    def describe(self, message: pb.DescribeRequest, rpc: grpc.ServicerContext) -> pb.DescribeResponse:
        try:
            return pb.DescribeResponse(plugin_info=to_bytes(self._calls.plugin.info))
        except HeadwaterError as error:
            abort(rpc, error, native=True)
            raise

    def discard_instance(
        self, message: pb.DiscardInstanceRequest, rpc: grpc.ServicerContext
    ) -> pb.DiscardInstanceResponse:
        with self._calls.answering(message, rpc) as call:
            self._calls.client.discard_instance(call.plugin_context)
        return pb.DiscardInstanceResponse()
