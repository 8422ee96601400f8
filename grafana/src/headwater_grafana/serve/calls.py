"""Calls that come over gRPC, as calls of the plugin's hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import grpc
from attrs import frozen

from headwater.calls import CallContext, CallRunner, Progress, WorkerPool
from headwater.errors import HeadwaterError, PluginRequestCanceledError, describe
from headwater.logs import get_logger
from headwater.models import PluginContext
from headwater.plugins import CorePlugin, InMemoryRegistry, PluginClient
from headwater.secrets import Redactor
from headwater_grafana.protocol.contexts import read_headers, read_plugin_context
from headwater_grafana.protocol.errors import abort
from headwater_grafana.protocol.native_call import NativeCall

_GONE = "The caller has ended the call."
# A host without a deadline of its own is told of a far one by gRPC.
_FAR_SECONDS = 10 * 365 * 86400


@frozen
class Call:
    """One call: whose, with which deadline, and whether Headwater made it."""

    plugin_context: PluginContext
    context: CallContext
    native: bool


class PluginCalls:
    """The one plugin of this process behind the client that also hosts use. Thread-safe."""

    def __init__(self, plugin: CorePlugin, redactor: Redactor, workers: WorkerPool) -> None:
        registry = InMemoryRegistry()
        registry.add(plugin)
        self.plugin = plugin
        self.client: PluginClient = PluginClient(registry)
        self.runner: CallRunner = CallRunner(workers, self.client.discard_instance)
        self._redactor = redactor
        self.workers = workers

    @contextmanager
    def answering(
        self,
        message: Any,
        rpc: grpc.ServicerContext,
        headers: Mapping[str, str] | None = None,
        *,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Iterator[Call]:
        """The call of `message`; an error within the block ends the RPC with it.

        When the RPC ends early, by its caller or by its deadline, so does the call.
        """
        native: NativeCall | None = None
        try:
            native = NativeCall.from_metadata(rpc.invocation_metadata())
            plugin_context = self._plugin_context(message.plugin_context, native)
            with self._context(rpc, native, read_headers(headers or {}), on_progress) as context:
                yield Call(plugin_context, context, native is not None)
        except Exception as error:
            if not isinstance(error, HeadwaterError):
                get_logger("headwater.plugins").error("A call failed unexpectedly.", exc_info=error)
            abort(rpc, describe(error), native=native is not None)

    def _plugin_context(self, message: Any, native: NativeCall | None) -> PluginContext:
        """The id is this plugin's own: Grafana knows it by the id of its folder."""
        message.plugin_id = self.plugin.plugin_id
        plugin_context = read_plugin_context(message, native)
        settings = plugin_context.data_source_instance_settings
        if settings is not None:
            for secret in settings.decrypted_secure_json_data.values():
                self._redactor.watch(secret)
        return plugin_context

    @contextmanager
    def _context(
        self,
        rpc: grpc.ServicerContext,
        native: NativeCall | None,
        headers: Mapping[str, str],
        on_progress: Callable[[Progress], object] | None,
    ) -> Iterator[CallContext]:
        left = cast("float | None", rpc.time_remaining())  # its stub forgets that there may be none
        with CallContext(
            timeout=None if left is None or left > _FAR_SECONDS else left,
            headers=headers,
            request_id=native.request_id if native else None,
            limits=native.limits if native else None,
            skip_cache=native.skip_cache if native else False,
            on_progress=on_progress,
        ) as context:

            def ended() -> None:  # in gRPC's thread, which must not wait for a database
                context.cancel_in(self.workers.submit, _GONE)

            if not rpc.add_callback(ended):
                raise PluginRequestCanceledError(_GONE)
            yield context
