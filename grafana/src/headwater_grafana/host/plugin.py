"""`ProcessPlugin`: the hooks, implemented by a process."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeVar

import grpc

from headwater.calls import CallContext
from headwater.errors import (
    FrameError,
    HeadwaterError,
    MethodNotImplementedError,
    PluginRequestFailedError,
    PluginUnavailableError,
    ValidationError,
)
from headwater.frames import Frame, FrameStream
from headwater.models import (
    AnswerTraits,
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    Filter,
    HealthStatus,
    Partitions,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import Target, from_bytes, hookimpl, to_bytes
from headwater.secrets import Redactor
from headwater_grafana.protocol import native_pb2, pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import write_headers, write_plugin_context, write_query, writing
from headwater_grafana.protocol.errors import read_outcome
from headwater_grafana.protocol.frames import ChunkReader, read_frame
from headwater_grafana.protocol.handshake import Handshake, HandshakeError
from headwater_grafana.protocol.services import Stub

from .calls import ProcessCalls
from .folder import PluginFolder
from .limits import ProcessLimits
from .output import PluginLog
from .process import PluginProcess
from .supervisor import Supervisor

T = TypeVar("T")
_START_SECONDS = 60.0
_DESCRIBE_SECONDS = 5.0
_DATA, _NATIVE = "pluginv2.Data", "headwater.plugin.v1.Native"
#: What Grafana hands on of its own environment; the rest of ours may hold secrets.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class ProcessPlugin:
    """A plugin that `command` starts: one for Grafana, in whatever language, or one for Headwater.

    ```python
    headwater.add_plugin("acme-thing-datasource", ProcessPlugin(["/opt/acme/gpx_thing_linux_amd64"]))
    headwater.add_plugin("acme-this-datasource", ProcessPlugin("/opt/plugins/acme-this-datasource"))
    ```

    A path is that of a program, or of a folder as Grafana installs plugins. Whoever names it vouches for it:
    no signature is asked for.

    The process starts at the first use and is replaced when it dies (see `Supervisor`). It gets `environment`
    and the proxies of this process's, nothing else. `info` is what a process that cannot describe itself is
    said to be. `start_timeout` is in seconds.

    Raises ValidationError for a folder that holds no plugin for this platform.
    """

    target = Target.LOCAL

    def __init__(
        self,
        command: Sequence[str | Path] | str | Path,
        *,
        plugin_id: str = "",
        info: PluginInfo | None = None,
        environment: Mapping[str, str] | None = None,
        limits: ProcessLimits | None = None,
        start_timeout: float = _START_SECONDS,
        logger: Any = None,
    ) -> None:
        if isinstance(command, str | Path):
            path = Path(command)
            command = (command,)
            if path.is_dir():
                folder = PluginFolder.read(path.absolute())
                command, info = folder.command, info or folder.info
        if not command:
            raise ValidationError("names no program", path="command")
        program, *arguments = map(str, command)
        if os.sep in program:  # the process begins in another folder
            program = os.path.abspath(program)  # noqa: PTH100 - a link is started by its own name
        self._command = [program, *arguments]
        self._info = info or PluginInfo(id=plugin_id or Path(program).name)
        self._environment = {name: os.environ[name] for name in PROXIES if name in os.environ} | dict(
            environment or {}
        )
        self._limits = limits or ProcessLimits()
        self._start_timeout = start_timeout
        self._redactor = Redactor()
        self._log = PluginLog(self._info.id, self._redactor, logger)
        self.supervisor: Supervisor = Supervisor(self._info.id, self._start)
        self._calls = ProcessCalls(self._info.id, self.supervisor)
        self._streams = self._tells_progress = True
        self._attached = False
        self._optional_hooks: frozenset[str] | None = None

    @classmethod
    def attach(
        cls, address: str, *, plugin_id: str = "", info: PluginInfo | None = None, logger: Any = None
    ) -> Self:
        """The plugin that listens at `address` of this machine, such as `127.0.0.1:10001`: one that was
        started with `--standalone`, in a debugger for instance. It is neither started nor ended.

        Raises ValidationError for an address elsewhere.
        """
        try:
            handshake = Handshake.parse(Handshake("tcp", address).line)
        except HandshakeError as error:
            raise ValidationError(f"cannot be used, because {error}", path="address") from error
        says_where = ("sh", "-c", 'echo "$0"; exec sleep 2147483647', handshake.line.strip())
        plugin = cls(says_where, plugin_id=plugin_id or address, info=info, logger=logger)
        plugin._attached = True
        return plugin

    # --- hooks -------------------------------------------------------------------------------------

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        """Starts the process."""
        running = self.supervisor.running()
        try:
            answer = Stub(running.channel, _NATIVE).describe(
                native_pb2.DescribeRequest(), timeout=self._start_timeout
            )
        except grpc.RpcError as error:
            failed: Any = error
            if failed.code() is grpc.StatusCode.UNIMPLEMENTED:
                self._optional_hooks = frozenset()
                return self._info
            with CallContext() as context:
                self._calls.fail(failed, running, context)
        self._optional_hooks = frozenset(answer.hooks)
        return self._told(answer.plugin_info, PluginInfo)

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        asked = (self._query(request), request.plugin_context, context)
        answer = self._watched(*asked) if context.hears_progress and self._tells_progress else None
        if answer is None:
            answer = self._calls.unary(_DATA, "query_data", *asked)
        return QueryDataResponse(
            {ref_id: _response(response, context) for ref_id, response in answer.responses.items()}
        )

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        """Through `query_data` where the process does not stream, as Grafana does it."""
        if self._streams:
            try:
                yield from self._chunks(request, context)
                return
            except MethodNotImplementedError:
                self._streams = False
        for ref_id, response in self.query_data(request, context).responses.items():
            for index, frame in enumerate(response.frames):
                yield QueryChunk(ref_id, str(index), frame)
            if response.error is not None:
                yield QueryChunk(ref_id, error=response.error)

    @hookimpl
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        message = pb.CheckHealthRequest(
            plugin_context=self._context(request.plugin_context), headers=write_headers(request.headers)
        )
        try:
            answer = self._calls.unary(
                "pluginv2.Diagnostics", "check_health", message, request.plugin_context, context
            )
        except MethodNotImplementedError:
            return CheckHealthResult(HealthStatus.UNKNOWN, "Health check not implemented")
        return _health(answer)

    @hookimpl
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        with writing("resource"):
            message = pb.CallResourceRequest(
                plugin_context=self._context(request.plugin_context),
                path=request.path,
                method=request.method,
                url=request.url,
                headers={name: pb.StringList(values=values) for name, values in request.headers.items()},
                body=request.body,
            )
        answers = self._calls.stream(
            "pluginv2.Resource", "call_resource", message, request.plugin_context, context
        )
        for answer in answers:
            headers = {name: tuple(each.values) for name, each in answer.headers.items()}
            yield CallResourceResponse(answer.code, headers, answer.body)

    @hookimpl
    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        if not self._has("partitions"):
            return None
        message = native_pb2.PartitionsRequest(
            plugin_context=self._context(request.plugin_context),
            headers=write_headers(request.headers),
            query=write_query(request.queries[0], native=True),
            target=target,
            columns=to_bytes(columns),
            filters=to_bytes(filters),
        )
        answer = self._calls.unary(_NATIVE, "partitions", message, request.plugin_context, context)
        return self._told(answer.partitions, Partitions) if answer.partitions else None

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits | None:
        if not self._has("describe_answer"):
            return None
        message = native_pb2.DescribeAnswerRequest(
            plugin_context=self._context(plugin_context), query=write_query(query, native=True)
        )
        with CallContext(timeout=_DESCRIBE_SECONDS) as context:
            answer = self._calls.unary(_NATIVE, "describe_answer", message, plugin_context, context)
        return self._told(answer.traits, AnswerTraits) if answer.traits else None

    @hookimpl
    def stop_plugin(self) -> None:
        self.supervisor.stop()

    # --- for the host ------------------------------------------------------------------------------

    def discard_instance(self, plugin_context: PluginContext) -> None:
        """Have the process replace the data source's instance; only Headwater's own kind can."""
        process = self.supervisor.process
        if process is None or process.ended or not process.ready.done():
            return
        message = native_pb2.DiscardInstanceRequest(plugin_context=self._context(plugin_context))
        with CallContext(timeout=1.0) as context:
            try:
                self._calls.unary(_NATIVE, "discard_instance", message, plugin_context, context)
            except HeadwaterError:
                return

    def collect_metrics(self) -> str:
        """The process's own metrics in Prometheus' text format; empty if it has none, or does not run."""
        process = self.supervisor.process
        if process is None or process.ended:
            return ""
        with CallContext(timeout=5.0) as context:
            try:
                answer = self._calls.unary(
                    "pluginv2.Diagnostics", "collect_metrics", pb.CollectMetricsRequest(),
                    PluginContext(self._info.id), context,
                )  # fmt: skip
            except HeadwaterError:
                return ""
        text: str = answer.metrics.prometheus.decode(errors="replace")
        return text

    # --- inside ------------------------------------------------------------------------------------

    def _has(self, hook: str) -> bool:
        """Whether the plugin behind the process implements `hook`; only Headwater's kind can."""
        if self._optional_hooks is None:
            self.describe_plugin()
        return hook in (self._optional_hooks or ())

    def _told(self, data: bytes, kind: type[T]) -> T:
        """What Headwater's own kind of process wrote with `to_bytes`."""
        try:
            return from_bytes(data, kind)
        except ValidationError as error:
            raise PluginRequestFailedError(
                f"The process of plugin {self._info.id!r} told what cannot be read; its Headwater may be of "
                "another version."
            ) from error

    def _start(self) -> PluginProcess:
        return PluginProcess(
            self._info.id,
            self._command,
            environment=self._environment,
            limits=self._limits,
            start_timeout=self._start_timeout,
            log=self._log,
            attached=self._attached,
        )

    def _watched(
        self, message: pb.QueryDataRequest, plugin_context: PluginContext, context: CallContext
    ) -> pb.QueryDataResponse | None:
        """The answer, and its progress told to `context`; None if the process does not tell."""
        answer = None
        try:
            for item in self._calls.stream(_NATIVE, "watch_query_data", message, plugin_context, context):
                told = item.progress
                if item.HasField("answer"):
                    answer = item.answer
                else:
                    context.report_progress(rows=told.rows, bytes=told.bytes, total_rows=told.total_rows)
        except MethodNotImplementedError:
            self._tells_progress = False
        return answer

    def _chunks(self, request: QueryDataRequest, context: CallContext) -> Generator[QueryChunk, None, None]:
        reader = ChunkReader()
        messages = self._calls.stream(
            _DATA, "query_chunked_data", self._query(request), request.plugin_context, context
        )
        with closing(messages):  # also while somebody keeps the error of a frame that cannot be read
            for message in messages:
                error = read_outcome(message)
                frame = None
                if message.frame:
                    frame = reader.read(message.ref_id, message.frame_id, message.frame, message.format)
                yield QueryChunk(message.ref_id, message.frame_id, frame, error)

    def _query(self, request: QueryDataRequest) -> pb.QueryDataRequest:
        return pb.QueryDataRequest(
            plugin_context=self._context(request.plugin_context),
            headers=write_headers(request.headers),
            queries=[write_query(query, native=True) for query in request.queries],
            format=pb.NATIVE,
        )

    def _context(self, context: PluginContext) -> pb.PluginContext:
        settings = context.data_source_instance_settings
        if settings is not None:
            for secret in settings.decrypted_secure_json_data.values():
                self._redactor.watch(secret)
        return write_plugin_context(context)


def _response(message: pb.DataResponse, context: CallContext) -> DataResponse:
    error = read_outcome(message)
    try:
        frames = tuple(_within(context, (read_frame(data, message.format) for data in message.frames)))
    except FrameError as fault:
        return DataResponse.from_error(error or fault)
    if error is not None:
        return DataResponse.from_error(error, frames)
    return DataResponse(frames, status=message.status if 100 <= message.status < 600 else 200)


def _within(context: CallContext, frames: Iterator[Frame]) -> Iterator[Frame]:
    """`frames` within the limits of the call, which processes of other kinds do not know."""
    rows, size = context.limits.max_rows, context.limits.max_bytes
    for frame in frames:
        if (rows is None or frame.num_rows <= rows) and (size is None or frame.nbytes <= size):
            yield frame
        else:
            yield FrameStream.from_frame(frame).collect(rows, size)
            return
        rows = None if rows is None else rows - frame.num_rows
        size = None if size is None else size - frame.nbytes


def _health(message: pb.CheckHealthResponse) -> CheckHealthResult:
    known = {each.value for each in HealthStatus}
    status = HealthStatus(message.status) if message.status in known else HealthStatus.UNKNOWN
    try:
        details = json.loads(message.json_details) if message.json_details else {}
    except (ValueError, RecursionError):
        details = None
    if not isinstance(details, dict):
        raise PluginUnavailableError(
            "The plugin's health check answered with details that are no JSON object."
        )
    return CheckHealthResult(status, message.message, details)
