"""`Plugin`: what the registry holds, and `CorePlugin`, which wraps one implementation of the hooks."""

from __future__ import annotations

import difflib
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from .errors import MethodNotImplementedError, PluginUnavailableError
from .hookspecs import PROJECT, DataSourceSpec
from .models import CheckHealthResult, PluginInfo

if TYPE_CHECKING:
    from .context import CallContext
    from .models import (
        CallResourceRequest,
        CallResourceResponse,
        CheckHealthRequest,
        PluginContext,
        QueryChunk,
        QueryDataRequest,
        QueryDataResponse,
    )

__all__ = ["CorePlugin", "Plugin", "Target"]

_HOOKS = tuple(name for name in vars(DataSourceSpec) if not name.startswith("_"))


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


class CorePlugin:
    """A plugin in this process: one implementation behind a pluggy manager of its own.

    One manager per plugin, because a shared one would show every request to every plugin. `middlewares`
    are objects with `hookimpl(wrapper=True)` methods; the first is the outermost.

    `load` is called at first use, so that registering a plugin imports nothing. What it raises is raised
    again at every use.
    """

    def __init__(
        self,
        plugin_id: str,
        load: Callable[[], object],
        *,
        version: str = "",
        middlewares: Sequence[object] = (),
    ) -> None:
        self._plugin_id = plugin_id
        self._version = version
        self._load = load
        self._middlewares = tuple(middlewares)
        self._lock = threading.RLock()
        self._manager: pluggy.PluginManager | None = None
        self._implementation: object = None
        self._info: PluginInfo | None = None
        self._decommissioned = False
        self._exited = False

    @classmethod
    def of(cls, plugin_id: str, implementation: object, **options: Any) -> CorePlugin:
        """A plugin around an object at hand. Raises PluginUnavailableError if its hooks are not valid."""
        plugin = cls(plugin_id, lambda: implementation, **options)
        plugin.start()
        return plugin

    @property
    def plugin_id(self) -> str:
        return self._plugin_id

    @property
    def target(self) -> Target:
        return Target.IN_MEMORY

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

    @property
    def info(self) -> PluginInfo:
        """What the plugin says of itself; imports it. Raises PluginUnavailableError."""
        with self._lock:
            if self._info is None:
                described = self._hooks().describe_plugin() if self.implements("describe_plugin") else None
                self._info = described or PluginInfo(
                    id=self.plugin_id, name=self.plugin_id, version=self._version
                )
            return self._info

    def start(self) -> None:
        """Load the implementation and call its `start_plugin`. Done at first use if not before."""
        self._hooks()

    def stop(self) -> None:
        """Refuse new calls and end the plugin's instances. Safe to repeat."""
        with self._lock:
            self._decommissioned = True
            already, self._exited = self._exited, True
            manager = self._manager
        if manager is not None and not already:
            manager.hook.stop_plugin()

    def decommission(self) -> None:
        self._decommissioned = True

    def implements(self, hook: str) -> bool:
        """Whether the plugin itself, not a middleware, implements `hook`."""
        self._hooks()
        assert self._manager is not None
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        return any(not implementation.wrapper for implementation in implementations)

    def discard_instance(self, context: PluginContext) -> None:
        """Tell a plugin that manages instances to replace the one of `context`."""
        discard = getattr(self._implementation, "discard_instance", None)
        if discard is not None:
            discard(context)

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

    def _require(self, hook: str) -> None:
        if not self.implements(hook):
            raise MethodNotImplementedError(f"Plugin {self.plugin_id!r} does not implement {hook}.")

    def _hooks(self) -> Any:
        manager = self._manager
        if manager is None:
            with self._lock:
                manager = self._manager or self._build()
        return manager.hook

    def _build(self) -> pluggy.PluginManager:
        implementation = self._load()
        check_implementation(self.plugin_id, implementation)
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(DataSourceSpec)
        try:
            manager.register(implementation, self.plugin_id)
            manager.check_pending()
            # pluggy runs the last registered wrapper first.
            for middleware in reversed(self._middlewares):
                manager.register(middleware)
        except pluggy.PluginValidationError as error:
            raise PluginUnavailableError(f"Plugin {self.plugin_id!r} is not valid: {error}") from error
        self._implementation = implementation
        manager.hook.start_plugin()
        self._manager = manager
        return manager


def check_implementation(plugin_id: str, implementation: object) -> None:
    """Refuse what pluggy would accept in silence. Raises PluginUnavailableError with a sentence."""

    def refuse(reason: str) -> PluginUnavailableError:
        return PluginUnavailableError(f"Plugin {plugin_id!r} is not valid: {reason}.")

    marked = [name for name in dir(implementation) if _hook_options(implementation, name) is not None]
    if not marked:
        raise refuse(f"{type(implementation).__name__} has no method marked with hookimpl")
    for name in marked:
        if name not in _HOOKS:
            near = difflib.get_close_matches(name, _HOOKS, n=1)
            hint = f", did you mean {near[0]}?" if near else f"; hooks are {', '.join(_HOOKS)}"
            raise refuse(f"there is no hook {name}{hint}")
        function = inspect.unwrap(getattr(implementation, name))
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise refuse(f"{name} is async; hooks are synchronous, the host runs them in threads")
        _check_arguments(name, function, refuse)


def _check_arguments(name: str, function: Any, refuse: Callable[[str], PluginUnavailableError]) -> None:
    allowed = list(inspect.signature(getattr(DataSourceSpec, name)).parameters)[1:]
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is argument.KEYWORD_ONLY:
            raise refuse(f"argument {argument.name} of {name} is keyword-only and would never be passed")
        if argument.name not in allowed and argument.name != "self":
            takes = ", ".join(allowed) or "none"
            raise refuse(f"{name} has an argument {argument.name}; the hook's arguments are: {takes}")


def _hook_options(implementation: object, name: str) -> Any:
    """The mark that hookimpl leaves, read without running properties."""
    if name.startswith("__"):
        return None
    static = inspect.getattr_static(implementation, name, None)
    function = getattr(static, "__func__", static)
    return getattr(function, f"{PROJECT}_impl", None)


def unusable(plugin_id: str, reason: str, version: str = "") -> CorePlugin:
    """A registered plugin whose every use raises PluginUnavailableError with `reason`."""

    def load() -> object:
        raise PluginUnavailableError(reason)

    return CorePlugin(plugin_id, load, version=version)
