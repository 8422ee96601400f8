"""The service `pluginv2.Resource`: what is no query, as HTTP requests and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc

from headwater.errors import HeadwaterError, MethodNotImplementedError, PluginRequestCanceledError
from headwater.models import CallResourceRequest
from headwater_grafana.protocol import pluginv2_pb2 as pb

from .calls import Call, PluginCalls


class ResourceService:
    """Streams the plugin's answer. To Grafana a failure is an answer with its status and message, because it
    shows no more of others than that the plugin failed."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls

    def call_resource(
        self, message: pb.CallResourceRequest, rpc: grpc.ServicerContext
    ) -> Iterator[pb.CallResourceResponse]:
        with self._calls.answering(message, rpc) as call:
            started = False
            try:
                for answer in self._answers(message, call):
                    yield answer
                    started = True
            except (MethodNotImplementedError, PluginRequestCanceledError):
                raise
            except HeadwaterError as error:
                if call.native or started:
                    raise
                yield _failure(error)

    def _answers(self, message: pb.CallResourceRequest, call: Call) -> Iterator[pb.CallResourceResponse]:
        request = CallResourceRequest(
            call.plugin_context,
            path=message.path.lstrip("/"),
            method=message.method or "GET",
            url=message.url,
            headers={name: tuple(values.values) for name, values in message.headers.items()},
            body=message.body,
        )
        for answer in self._calls.client.call_resource(request, call.context):
            headers = {name: pb.StringList(values=values) for name, values in answer.headers.items()}
            yield pb.CallResourceResponse(code=answer.status, headers=headers, body=answer.body)


def _failure(error: HeadwaterError) -> pb.CallResourceResponse:
    body = json.dumps({"message": str(error), "messageId": error.message_id, "statusCode": error.status})
    return pb.CallResourceResponse(
        code=error.status,
        headers={"Content-Type": pb.StringList(values=["application/json"])},
        body=body.encode(),
    )
