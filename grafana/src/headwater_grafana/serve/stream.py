"""The service `pluginv2.Stream`: an answer without end, as Grafana Live shows it.

A channel's `data` is the query, as a panel would send it; its path only names the channel.
"""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from headwater.models import QueryDataRequest
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import read_headers, read_query

from .calls import PluginCalls

_CAPABILITY = "stream"


class StreamService:
    """For plugins that stream. Nobody may publish into their channels."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls

    def subscribe_stream(
        self,
        message: pb.SubscribeStreamRequest,
        rpc: grpc.ServicerContext,
    ) -> pb.SubscribeStreamResponse:
        streams = _CAPABILITY in self._calls.plugin.info.capabilities and message.data
        status = pb.SubscribeStreamResponse.OK if streams else pb.SubscribeStreamResponse.NOT_FOUND
        return pb.SubscribeStreamResponse(status=status)

    def publish_stream(
        self,
        message: pb.PublishStreamRequest,
        rpc: grpc.ServicerContext,
    ) -> pb.PublishStreamResponse:
        return pb.PublishStreamResponse(status=pb.PublishStreamResponse.PERMISSION_DENIED)

    def run_stream(
        self, message: pb.RunStreamRequest, rpc: grpc.ServicerContext
    ) -> Iterator[pb.StreamPacket]:
        """Frames as JSON: the first of each frame id whole, then only rows."""
        from headwater.frames import FrameInclude, encode_frame  # most processes are never asked to stream

        with self._calls.answering(message, rpc, message.headers) as call:
            query = read_query(pb.DataQuery(ref_id="A", json=message.data))
            request = QueryDataRequest(call.plugin_context, (query,), read_headers(message.headers))
            started: set[str] = set()
            for chunk in self._calls.client.query_chunked_data(request, call.context):
                if chunk.error is not None:
                    raise chunk.error
                if chunk.frame is None:
                    continue
                include = FrameInclude.DATA if chunk.frame_id in started else FrameInclude.ALL
                started.add(chunk.frame_id)
                yield pb.StreamPacket(data=encode_frame(chunk.frame, include))
