"""gRPC services from their descriptors: handlers for a server, and callables for a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from .descriptors import methods_of

#: Frames may be of any size, so messages are; gRPC's own limit of 4 MiB would cut them off. The error of a
#: call is in headers, of which gRPC takes 8 KiB by default, and Grafana as many as here.
UNLIMITED = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 16 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024 * 1024),
)
#: Answers are read by the thread that waits for them, not by one that gRPC starts for each call.
IN_CALLERS_THREAD = (("SingleThreadedUnaryStream", 1),)  # gRPC's own name for it, of grpc.experimental


def add_service(
    server: grpc.Server,
    service: str,
    servicer: object,
    serialize: Callable[[Any], bytes] = methodcaller("SerializeToString"),
) -> None:
    """Have `server` answer the methods of `service` that `servicer` has, in Python's spelling.

    Calls of the others end with UNIMPLEMENTED.
    """
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for name, streams, request, _ in _methods(service):
        behaviour = getattr(servicer, in_python(name), None)
        if behaviour is None:
            continue
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        handlers[name] = make(behaviour, request.FromString, serialize)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


class Stub:
    """The methods of a service on a channel: `Stub(channel, "pluginv2.Data").query_data(message)`.

    `as_streams`: also the answer of a method that gives one is iterated over. Then the thread that waits for
    it reads it itself and any other can cancel the call, which gRPC has for streams alone.
    """

    def __init__(self, channel: grpc.Channel, service: str, *, as_streams: bool = False) -> None:
        self._calls: dict[str, Callable[..., Any]] = {}
        for name, streams, request, response in _methods(service):
            make = channel.unary_stream if streams or as_streams else channel.unary_unary
            self._calls[in_python(name)] = make(
                f"/{service}/{name}", request.SerializeToString, response.FromString
            )

    def __getattr__(self, name: str) -> Any:
        try:
            return self._calls[name]
        except KeyError:
            raise AttributeError(name) from None


def in_python(method: str) -> str:
    """`QueryData` as `query_data`."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in method).removeprefix("_")


def _methods(service: str) -> Iterator[tuple[str, bool, Any, Any]]:
    for method in methods_of(service):
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        yield method.name, method.server_streaming, request, response
