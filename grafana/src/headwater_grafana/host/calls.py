"""One call to a plugin process: cancelled with its context, and its failures as Headwater's errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, NoReturn

import grpc

from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    DownstreamError,
    ErrorSource,
    HeadwaterError,
    MethodNotImplementedError,
    PluginRequestCanceledError,
    PluginRequestFailedError,
    PluginResourceExhaustedError,
    PluginUnavailableError,
)
from headwater.models import PluginContext
from headwater_grafana.protocol.errors import DETAILS, NATIVE_ERROR, error_from, source_of
from headwater_grafana.protocol.native_call import METADATA_KEY, NativeCall

from .supervisor import Running, Supervisor

# A channel that has been closed refuses calls with a ValueError.
_FAILURES = (grpc.RpcError, ValueError)
_LAST_BREATH_SECONDS = 1.0
"""The end of a process shows on its socket before it shows to who waits for it."""


class ProcessCalls:
    """Calls to the process that `supervisor` keeps."""

    def __init__(self, plugin_id: str, supervisor: Supervisor) -> None:
        self._plugin_id = plugin_id
        self._supervisor = supervisor

    def unary(
        self, service: str, method: str, message: Any, plugin_context: PluginContext, context: CallContext
    ) -> Any:
        """The answer of a method that gives one."""
        with closing(self.stream(service, method, message, plugin_context, context)) as answers:
            answer = next(answers, None)
            if answer is None or next(answers, None) is not None:
                gave = "no answer" if answer is None else "several answers, not one"
                raise PluginRequestFailedError(f"Plugin {self._plugin_id!r} gave {gave}.")
            return answer

    def stream(
        self, service: str, method: str, message: Any, plugin_context: PluginContext, context: CallContext
    ) -> Generator[Any, None, None]:
        """The answers of a method, as they come. Closing this cancels the call."""
        running = self._supervisor.running(context)
        call: Any = None
        try:
            ask = running.method(service, method)
            call = ask(message, timeout=context.remaining(), metadata=_metadata(plugin_context, context))
            with context.on_cancel(call.cancel), running.process.asked():
                for answer in call:
                    running.process.heard()
                    yield answer
        except _FAILURES as error:
            self.fail(error, running, context)
        finally:
            if call is not None:
                call.cancel()

    def fail(self, error: Exception, running: Running, context: CallContext) -> NoReturn:
        """Raise what `error`, of gRPC, says of a call to `running`."""
        if isinstance(context.cancel_reason, DeadlineExceededError):
            running.process.suspect()
        context.check()
        lost = not isinstance(error, grpc.RpcError) or error.code() is grpc.StatusCode.UNAVAILABLE
        if running.process.wait(_LAST_BREATH_SECONDS if lost else 0.0):
            raise self._supervisor.has_ended(running.process) from error
        raise _error_of(error, self._plugin_id) from error


def _metadata(plugin_context: PluginContext, context: CallContext) -> tuple[tuple[str, bytes], ...]:
    return ((METADATA_KEY, NativeCall.of(plugin_context, context).to_bytes()),)


def _error_of(failed: Any, plugin_id: str) -> HeadwaterError:
    """What `failed`, an RpcError, says. Headwater's own processes say it all."""
    if not isinstance(failed, grpc.RpcError):
        raise failed
    trailing: Any = failed.trailing_metadata()
    trailer: dict[str, Any] = dict(trailing or ())
    if NATIVE_ERROR in trailer:
        return error_from(trailer[NATIVE_ERROR])
    code, text = failed.code(), failed.details() or "no reason given"
    if code is grpc.StatusCode.CANCELLED:
        return PluginRequestCanceledError("The call to the plugin's process was cancelled.")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError(f"Plugin {plugin_id!r} ran out of time: {text}")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return MethodNotImplementedError(f"Plugin {plugin_id!r} does not implement this call.")
    if code is grpc.StatusCode.UNAVAILABLE:
        return PluginUnavailableError(f"Plugin {plugin_id!r} cannot be reached: {text}", retryable=True)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return PluginResourceExhaustedError(
            f"Plugin {plugin_id!r} has not enough for this call: {text}. "
            "A shorter time range or fewer points may fit."
        )
    if DETAILS in trailer and source_of(trailer[DETAILS]) == ErrorSource.DOWNSTREAM:
        return DownstreamError(text)
    return PluginRequestFailedError(f"Plugin {plugin_id!r} failed: {text}")
