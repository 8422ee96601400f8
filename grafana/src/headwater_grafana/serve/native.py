"""The service `headwater.plugin.v1.Native`: what a Headwater host asks beside Grafana's services."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import grpc
from attrs import asdict

from headwater.calls import Progress
from headwater.errors import HeadwaterError
from headwater.models import Filter, QueryDataRequest
from headwater.plugins import from_bytes, to_bytes
from headwater_grafana.protocol import native_pb2 as pb, pluginv2_pb2
from headwater_grafana.protocol.contexts import read_headers, read_query
from headwater_grafana.protocol.errors import abort

from .calls import PluginCalls
from .data import DataService

#: Hooks that a host need not call where the plugin has none.
_HOOKS = ("partitions", "describe_answer")


class NativeService:
    """The plugin's own description, queries that are watched, and the end of an instance that hangs."""

    def __init__(self, calls: PluginCalls, data: DataService) -> None:
        self._calls = calls
        self._data = data

    def describe(self, message: pb.DescribeRequest, rpc: grpc.ServicerContext) -> pb.DescribeResponse:
        try:
            plugin = self._calls.plugin
            hooks = [hook for hook in _HOOKS if plugin.implements(hook)]
            return pb.DescribeResponse(plugin_info=to_bytes(plugin.info), hooks=hooks)
        except HeadwaterError as error:
            abort(rpc, error, native=True)
            raise

    def watch_query_data(
        self, message: pluginv2_pb2.QueryDataRequest, rpc: grpc.ServicerContext
    ) -> Iterator[pb.WatchedAnswer]:
        told: SimpleQueue[Progress | None] = SimpleQueue()
        with self._calls.answering(message, rpc, message.headers, on_progress=told.put) as call:
            answering = self._calls.workers.submit(self._data.answer, message, call)
            answering.add_done_callback(lambda _: told.put(None))
            try:
                while (progress := told.get()) is not None:
                    yield pb.WatchedAnswer(progress=pb.Progress(**asdict(progress)))
            except BaseException:  # the caller has left: the query must not go on in its thread
                call.context.cancel_in(self._calls.workers.submit)
                raise
            yield pb.WatchedAnswer(answer=answering.result())

    def partitions(self, message: pb.PartitionsRequest, rpc: grpc.ServicerContext) -> pb.PartitionsResponse:
        with self._calls.answering(message, rpc, message.headers) as call:
            request = QueryDataRequest(
                call.plugin_context, (read_query(message.query),), read_headers(message.headers)
            )
            columns = from_bytes(message.columns, tuple[str, ...] | None)  # type: ignore[arg-type]
            filters = from_bytes(message.filters, tuple[Filter, ...])
            found = self._calls.plugin.partitions(request, message.target, columns, filters, call.context)
        return pb.PartitionsResponse(partitions=b"" if found is None else to_bytes(found))

    def describe_answer(
        self, message: pb.DescribeAnswerRequest, rpc: grpc.ServicerContext
    ) -> pb.DescribeAnswerResponse:
        with self._calls.answering(message, rpc) as call:
            traits = self._calls.plugin.describe_answer(read_query(message.query), call.plugin_context)
        return pb.DescribeAnswerResponse(traits=b"" if traits is None else to_bytes(traits))

    def discard_instance(
        self, message: pb.DiscardInstanceRequest, rpc: grpc.ServicerContext
    ) -> pb.DiscardInstanceResponse:
        with self._calls.answering(message, rpc) as call:
            self._calls.client.discard_instance(call.plugin_context)
        return pb.DiscardInstanceResponse()
