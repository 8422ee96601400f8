"""The service `pluginv2.Data`: queries, whole or in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc
from attrs import evolve

from headwater.errors import (
    FrameError,
    HeadwaterError,
    MethodNotImplementedError,
    PluginRequestCanceledError,
    describe,
)
from headwater.frames import Frame
from headwater.models import DataResponse, QueryChunk, QueryDataRequest, QueryDataResponse
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import read_headers, read_query
from headwater_grafana.protocol.errors import write_outcome
from headwater_grafana.protocol.frames import ChunkWriter, supported, write_frame

from .calls import Call, PluginCalls

# These concern the call and not one of its queries.
_OF_THE_CALL = (PluginRequestCanceledError, MethodNotImplementedError)
_FIRST_BYTES = 128 * 1024


class DataService:
    """Answers each query by itself; a call fails as a whole only when it is over or cannot be understood."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls

    def query_data(self, message: pb.QueryDataRequest, rpc: grpc.ServicerContext) -> pb.QueryDataResponse:
        with self._calls.answering(message, rpc, message.headers) as call:
            return self.answer(message, call)

    def answer(self, message: pb.QueryDataRequest, call: Call) -> pb.QueryDataResponse:
        """Run the queries of `message` as `call`, in the caller's thread. Raises what ends the call."""
        answer = pb.QueryDataResponse()
        for ref_id, response in self._ask(_request(message, call), call).responses.items():
            _write_response(answer.responses[ref_id], response, message.format, native=call.native)
        return answer

    def query_chunked_data(
        self, message: pb.QueryDataRequest, rpc: grpc.ServicerContext
    ) -> Iterator[pb.QueryChunkedDataResponse]:
        with self._calls.answering(message, rpc, message.headers) as call:
            request = _request(message, call)
            writer = ChunkWriter(message.format)
            try:
                chunks = self._calls.client.query_chunked_data(request, call.context)
                for chunk in _first_rows_first(chunks) if call.native else chunks:
                    yield _write_chunk(chunk, writer, native=call.native)
            except _OF_THE_CALL:
                raise
            except HeadwaterError as error:
                for query in request.queries:
                    yield _write_chunk(QueryChunk(query.ref_id, error=error), writer, native=call.native)

    def _ask(self, request: QueryDataRequest, call: Call) -> QueryDataResponse:
        started = self._calls.runner.start(
            lambda: self._calls.client.query_data(request, call.context),
            call.context,
            request.plugin_context,
            here=True,
        )
        try:
            return started.result()
        except _OF_THE_CALL:
            raise
        except HeadwaterError as error:
            failed = DataResponse.from_error(error)
            return QueryDataResponse({query.ref_id: failed for query in request.queries})


def _first_rows_first(chunks: Iterable[QueryChunk]) -> Iterator[QueryChunk]:
    """`chunks`, the first one of each frame in two where it is large: its reader need not wait for all."""
    seen = set[tuple[str, str]]()
    for chunk in chunks:
        frame, key = chunk.frame, (chunk.ref_id, chunk.frame_id)
        if frame is None or key in seen or chunk.error is not None or not _is_large(frame):
            yield chunk
        else:
            rows = max(1, frame.num_rows * _FIRST_BYTES // frame.nbytes)
            yield evolve(chunk, frame=frame.slice(0, rows))
            yield evolve(chunk, frame=frame.slice(rows))
        seen.add(key)


def _is_large(frame: Frame) -> bool:
    return frame.nbytes > _FIRST_BYTES and frame.num_rows > 1


def _request(message: pb.QueryDataRequest, call: Call) -> QueryDataRequest:
    queries = tuple(read_query(each) for each in message.queries)
    return QueryDataRequest(call.plugin_context, queries, read_headers(message.headers))


def _write_response(message: pb.DataResponse, response: DataResponse, format_: int, *, native: bool) -> None:
    message.format = pb.DataFrameFormat.Name(supported(format_))  # type: ignore[assignment]
    error = response.error
    try:
        message.frames.extend(write_frame(frame, supported(format_)) for frame in response.frames)
    except FrameError as fault:
        del message.frames[:]
        error = error or fault
    if error is not None:
        write_outcome(message, describe(error), native=native)
    else:
        message.status = response.status


def _write_chunk(chunk: QueryChunk, writer: ChunkWriter, *, native: bool) -> pb.QueryChunkedDataResponse:
    message = pb.QueryChunkedDataResponse(ref_id=chunk.ref_id, frame_id=chunk.frame_id, status=200)
    message.format = writer.format  # type: ignore[assignment]
    error = chunk.error
    if chunk.frame is not None:
        try:
            message.frame = writer.write(chunk.ref_id, chunk.frame_id, chunk.frame)
        except FrameError as fault:
            error = error or fault
    if error is not None:
        write_outcome(message, error, native=native)
    return message
