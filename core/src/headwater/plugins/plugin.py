"""`Plugin`: what the registry holds, and `CorePlugin`, which wraps one implementation of the hooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import pluggy
from attrs import evolve

from headwater.errors import HeadwaterError, MethodNotImplementedError, PluginUnavailableError
from headwater.models import CheckHealthResult, PluginInfo

from .hookspecs import HOOKS, PROJECT, DataSourceSpec
from .validation import check_implementation, check_middleware

if TYPE_CHECKING:
    from headwater.calls.context import CallContext
    from headwater.models import (
        AnswerTraits,
        CallResourceRequest,
        CallResourceResponse,
        CheckHealthRequest,
        DataQuery,
        Filter,
        Partitions,
        PluginContext,
        QueryChunk,
        QueryDataRequest,
        QueryDataResponse,
    )

    from .sources import SourceReader

__all__ = ["CorePlugin", "Plugin", "Target"]


class Target(StrEnum):
    """Where a plugin runs."""

    IN_MEMORY = "in_memory"
    LOCAL = "local"
    REMOTE = "remote"


class Plugin(Protocol):
    """A plugin and its life. `decommission` makes the client refuse it while running calls finish."""

    @property
    def plugin_id(self) -> str: ...
    @property
    def version(self) -> str:
        """The installed distribution's; known without importing the plugin."""

    @property
    def info(self) -> PluginInfo: ...
    @property
    def target(self) -> Target: ...
    @property
    def is_managed(self) -> bool: ...
    @property
    def exited(self) -> bool: ...
    @property
    def is_decommissioned(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def decommission(self) -> None: ...
    def implements(self, hook: str) -> bool: ...
    def discard_instance(self, context: PluginContext) -> None: ...
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse: ...
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]: ...
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult: ...
    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]: ...
    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None: ...


class CorePlugin:
    """One implementation of the hooks behind a pluggy manager of its own.

    `target` says where the plugin runs: an implementation may hand each call on to another process.

    One manager per plugin, because a shared one would show every request to every plugin. `middlewares`
    are objects with `hookimpl(wrapper=True)` methods; the first is the outermost.

    `load` is called at first use, so that registering a plugin imports nothing. While it fails, every use
    calls it again.
    """

    def __init__(
        self,
        plugin_id: str,
        load: Callable[[], object],
        *,
        version: str = "",
        middlewares: Sequence[object] = (),
        target: Target = Target.IN_MEMORY,
    ) -> None:
        self._plugin_id = plugin_id
        self._target = target
        self._version = version
        self._load = load
        self._middlewares = tuple(middlewares)
        for middleware in self._middlewares:
            check_middleware(middleware)
        self._lock = threading.RLock()  # guards loading, describing and stopping
        self._hook: Any = None
        self._implemented: frozenset[str] = frozenset()
        self._implementation: object = None
        self._info: PluginInfo | None = None
        self._decommissioned = False
        self._exited = False

    @classmethod
    def of(cls, plugin_id: str, implementation: object, **options: Any) -> CorePlugin:
        """A plugin around an object at hand. Raises PluginUnavailableError if its hooks are not valid."""
        target = getattr(implementation, "target", Target.IN_MEMORY)
        plugin = cls(plugin_id, lambda: implementation, target=target, **options)
        plugin.start()
        return plugin

    @property
    def plugin_id(self) -> str:
        return self._plugin_id

    @property
    def version(self) -> str:
        return self._version

    @property
    def target(self) -> Target:
        return self._target

    @property
    def is_managed(self) -> bool:
        return True

    @property
    def exited(self) -> bool:
        return self._exited

    @property
    def is_decommissioned(self) -> bool:
        return self._decommissioned

    @property
    def implementation(self) -> object:
        """The object that implements the hooks. Raises PluginUnavailableError."""
        self._hooks()
        return self._implementation

    def collect_metrics(self) -> str:
        """The metrics of the plugin's own process in Prometheus' text format, empty if it is in this one.

        An implementation that has any has a method of this name. Raises PluginUnavailableError.
        """
        collect = getattr(self.implementation, "collect_metrics", None)
        return "" if collect is None else str(collect())

    @property
    def info(self) -> PluginInfo:
        """What the plugin says of itself; imports it. Raises PluginUnavailableError."""
        with self._lock:
            if self._info is None:
                self._info = self._describe()
            return self._info

    def start(self) -> None:
        """Load the implementation and call its `start_plugin`. Done at first use if not before."""
        self._hooks()

    def stop(self) -> None:
        """Refuse new calls and end the plugin's instances. Safe to repeat."""
        with self._lock:
            self._decommissioned = True
            already, self._exited = self._exited, True
            hook = self._hook
        if hook is not None and not already:
            hook.stop_plugin()

    def decommission(self) -> None:
        self._decommissioned = True

    def implements(self, hook: str) -> bool:
        """Whether the plugin itself, not a middleware, implements `hook`."""
        self._hooks()
        return hook in self._implemented

    def discard_instance(self, context: PluginContext) -> None:
        """Tell a plugin that manages instances to replace the one of `context`."""
        discard = getattr(self._implementation, "discard_instance", None)
        if discard is not None:
            discard(context)

    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits | None:
        """What the plugin says the answer depends on; None if it does not say."""
        if not self.implements("describe_answer"):
            return None
        answer: AnswerTraits | None = self._hooks().describe_answer(
            query=query, plugin_context=plugin_context
        )
        return answer

    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self._require("query_data")
        answer: QueryDataResponse = self._hooks().query_data(request=request, context=context)
        return answer

    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        self._require("query_chunked_data")
        answer: Iterator[QueryChunk] = self._hooks().query_chunked_data(request=request, context=context)
        return answer

    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        """The plugin's own check; OK without one: the plugin is loaded, nothing more is known."""
        if not self.implements("check_health"):
            return CheckHealthResult.ok("Plugin is loaded; it has no health check.")
        answer: CheckHealthResult = self._hooks().check_health(request=request, context=context)
        return answer

    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        self._require("call_resource")
        answer: Iterator[CallResourceResponse] = self._hooks().call_resource(request=request, context=context)
        return answer

    def query_sources(
        self, request: QueryDataRequest, sources: SourceReader, context: CallContext
    ) -> Iterator[QueryChunk]:
        self._require("query_sources")
        answer: Iterator[QueryChunk] = self._hooks().query_sources(
            request=request, sources=sources, context=context
        )
        return answer

    def partitions(
        self,
        request: QueryDataRequest,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        """The plugin's own division; None without one: the result is one part."""
        if not self.implements("partitions"):
            return None
        answer: Partitions | None = self._hooks().partitions(
            request=request, target=target, columns=columns, filters=filters, context=context
        )
        return answer

    def _require(self, hook: str) -> None:
        if not self.implements(hook):
            raise MethodNotImplementedError(f"Plugin {self.plugin_id!r} does not implement {hook}.")

    def _describe(self) -> PluginInfo:
        described = None
        if self.implements("describe_plugin"):
            with _as_unavailable(self.plugin_id, "cannot describe itself"):
                described = self._hooks().describe_plugin()
        if described is None:
            return PluginInfo(id=self.plugin_id, name=self.plugin_id, version=self.version)
        if not isinstance(described, PluginInfo):
            raise PluginUnavailableError(
                f"Plugin {self.plugin_id!r} described itself with {type(described).__name__}, not PluginInfo."
            )
        return described if described.version else evolve(described, version=self.version)

    def _hooks(self) -> Any:
        if self._hook is None:
            with self._lock:
                if self._hook is None:
                    self._build()
        return self._hook

    def _build(self) -> None:
        if self._exited:
            raise PluginUnavailableError(f"Plugin {self.plugin_id!r} has been stopped.")
        with _as_unavailable(self.plugin_id, "cannot be loaded"):
            implementation = self._load()
        check_implementation(self.plugin_id, implementation)
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(DataSourceSpec)
        try:
            manager.register(implementation, self.plugin_id)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginUnavailableError(f"Plugin {self.plugin_id!r} is not valid: {error}") from error
        self._implemented = frozenset(name for name in HOOKS if getattr(manager.hook, name).get_hookimpls())
        # pluggy runs the last registered wrapper first.
        for middleware in reversed(self._middlewares):
            manager.register(middleware)
        self._implementation = implementation
        with _as_unavailable(self.plugin_id, "cannot be started"):
            manager.hook.start_plugin()
        self._hook = manager.hook


@contextmanager
def _as_unavailable(plugin_id: str, failure: str) -> Iterator[None]:
    """Foreign exceptions within the block become PluginUnavailableError; their text stays in the cause."""
    try:
        yield
    except (HeadwaterError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginUnavailableError(f"Plugin {plugin_id!r} {failure} ({type(error).__name__}).") from error


def unusable(plugin_id: str, reason: str, version: str = "") -> CorePlugin:
    """A registered plugin whose every use raises PluginUnavailableError with `reason`."""

    def load() -> object:
        raise PluginUnavailableError(reason)

    return CorePlugin(plugin_id, load, version=version)
