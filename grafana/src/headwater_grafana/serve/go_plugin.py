"""The services by which go-plugin's host watches and ends a plugin process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc

from headwater_grafana.protocol import go_plugin_pb2 as pb, health_pb2

from .stdio import CapturedOutput

_SERVICE = "plugin"


class HealthService:
    """SERVING for go-plugin's ping, which asks for the service `plugin`."""

    def check(
        self, message: health_pb2.HealthCheckRequest, rpc: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        if message.service not in {"", _SERVICE}:
            rpc.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {message.service!r}.")
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


class ControllerService:
    """`Shutdown`: the answer is sent before the process ends."""

    def __init__(self, shut_down: Callable[[], None]) -> None:
        self._shut_down = shut_down

    def shutdown(self, message: pb.Empty, rpc: grpc.ServicerContext) -> pb.Empty:
        self._shut_down()
        return pb.Empty()


class StdioService:
    """What the plugin and its driver print, piece by piece."""

    def __init__(self, output: CapturedOutput) -> None:
        self._output = output

    def stream_stdio(self, message: object, rpc: grpc.ServicerContext) -> Iterator[pb.StdioData]:
        rpc.add_callback(self._output.release)
        for data in self._output.pieces():
            yield pb.StdioData(channel=pb.StdioData.STDOUT, data=data)
