"""A plugin process that does wrong in the way that its argument names. Run as a program."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np

from headwater.frames import Frame
from headwater_grafana.protocol import health_pb2, native_pb2, pluginv2_pb2 as pb
from headwater_grafana.protocol.errors import DETAILS
from headwater_grafana.protocol.frames import write_frame
from headwater_grafana.protocol.handshake import Handshake
from headwater_grafana.protocol.services import UNLIMITED, add_service

FRAME = write_frame(Frame.from_pydict({"n": [1, 2, 3]}), pb.ARROW)

BROKEN = FRAME[:16] + b"\xff" * 64 + FRAME[80:-80] + b"\xff" * 64 + FRAME[-16:]
QUERY_DATA = "/pluginv2.Data/QueryData"


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)  # other threads could send an answer while the process is being ended


class Health:
    def check(self, message: Any, rpc: Any) -> Any:
        return health_pb2.HealthCheckResponse(status="SERVING" if mode != "does not serve" else "NOT_SERVING")


class Data:
    def query_data(self, message: Any, rpc: Any) -> Any:
        answer = pb.QueryDataResponse()
        if mode == "dies":
            end_by(signal.SIGSEGV)
        elif mode == "hangs in a query":
            time.sleep(600)
        elif mode == "broken Arrow":
            answer.responses["A"].frames.append(BROKEN)
            answer.responses["B"].frames.append(FRAME)
        elif mode == "unknown format":
            answer.responses["A"].frames.append(FRAME)
            answer.responses["A"].format = 99  # type: ignore[assignment]
        elif mode == "300 MB":
            frame = Frame.from_pydict({"n": np.zeros(300_000_000 // 8)})
            answer.responses["A"].frames.append(write_frame(frame, pb.ARROW))
        elif mode == "unknown status":
            answer.responses["A"].frames.append(FRAME)
            answer.responses["A"].status = 9999
        elif mode == "error without source":
            answer.responses["A"].error = "it did not work"
            answer.responses["A"].status = 17
        elif mode == "out of time":
            rpc.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded")
        elif mode == "exhausted":
            rpc.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "received message larger than max")
        elif mode == "broken status":
            rpc.set_trailing_metadata(((DETAILS, b"\xff"),))
            rpc.abort(grpc.StatusCode.UNKNOWN, "it did not work")
        elif mode == "tells secrets":
            secrets = message.plugin_context.data_source_instance_settings.decrypted_secure_json_data
            line = {"@level": "error", "@message": f"password is {secrets['apiKey']}"}
            print(json.dumps(line), file=sys.stderr, flush=True)
            answer.responses["A"].error = f"wrong password {secrets['apiKey']}"
        else:
            answer.responses["A"].frames.append(FRAME)
        return answer


class Chunks(Data):
    def query_chunked_data(self, message: Any, rpc: Any) -> Iterator[Any]:
        chunk = pb.QueryChunkedDataResponse(ref_id="A", frame_id="0", frame=FRAME)
        yield chunk
        if mode == "broken chunk":
            rpc.add_callback(lambda: print("the call has ended", file=sys.stderr, flush=True))
            yield pb.QueryChunkedDataResponse(ref_id="A", frame_id="0", frame=BROKEN)
            time.sleep(60)
        if mode == "hangs amid a stream":
            time.sleep(600)
        yield chunk


class AnswersWithoutEnd(grpc.GenericRpcHandler):
    """To a call that takes one."""

    def service(self, details: Any) -> Any:
        if details.method != QUERY_DATA:
            return None
        answer = pb.QueryDataResponse().SerializeToString()
        return grpc.unary_stream_rpc_method_handler(lambda _message, _rpc: itertools.repeat(answer))


class Native:
    def describe(self, message: Any, rpc: Any) -> Any:
        return native_pb2.DescribeResponse(plugin_info=b"\xff")


class Diagnostics:
    def check_health(self, message: Any, rpc: Any) -> Any:
        if mode == "unknown health":
            return pb.CheckHealthResponse(status=17, message="so-so")  # type: ignore[arg-type]
        details = b"[" * 100_000 if mode == "deep health" else b"[1"
        return pb.CheckHealthResponse(status=pb.CheckHealthResponse.OK, json_details=details)


def serve() -> None:
    server = grpc.server(ThreadPoolExecutor(4), options=UNLIMITED)
    add_service(server, "grpc.health.v1.Health", Health())
    if mode == "answers without end":
        server.add_generic_rpc_handlers((AnswersWithoutEnd(),))
    add_service(server, "pluginv2.Data", Data() if mode == "does not stream" else Chunks())
    add_service(server, "pluginv2.Diagnostics", Diagnostics())
    if mode == "unreadable description":
        add_service(server, "headwater.plugin.v1.Native", Native())
    path = f"{os.environ['PLUGIN_UNIX_SOCKET_DIR']}/plugin"
    server.add_insecure_port(f"unix:{path}")
    server.start()
    print(Handshake("unix", path).line, end="", flush=True)
    if mode == "prints afterwards":
        print("password is " + "x" * 100_000, flush=True)
    server.wait_for_termination()


mode = sys.argv[1]
serve()
