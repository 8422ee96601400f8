from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from headwater import CallContext, hookimpl
from headwater.errors import MethodNotImplementedError, PluginUnavailableError
from headwater.models import (
    CallResourceRequest,
    CheckHealthRequest,
    CheckHealthResult,
    HealthStatus,
    PluginContext,
    PluginInfo,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, Target
from headwater.plugins.plugin import unusable

CONTEXT = PluginContext("p")
QUERY = QueryDataRequest(CONTEXT, ())


class Recorder:
    """Implements all it can and writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @hookimpl
    def start_plugin(self) -> None:
        self.calls.append("start")

    @hookimpl
    def stop_plugin(self) -> None:
        self.calls.append("stop")

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self.calls.append("query")
        return QueryDataResponse()

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        self.calls.append("describe")
        return PluginInfo(id="p", name="Recorder")

    def discard_instance(self, context: PluginContext) -> None:
        self.calls.append("discard")


class OnlyHealth:
    @hookimpl
    def check_health(self) -> CheckHealthResult:
        return CheckHealthResult.failed("it rains")


class Noting:
    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    @hookimpl(wrapper=True)
    def query_data(self) -> Generator[None, Any, Any]:
        self.notes.append(f"{self.name} in")
        answer = yield
        self.notes.append(f"{self.name} out")
        return answer


def test_registering_imports_nothing() -> None:
    def load() -> object:
        raise AssertionError("imported too early")

    plugin = CorePlugin("p", load, version="1.2")
    assert (plugin.plugin_id, plugin.version, plugin.target) == ("p", "1.2", Target.IN_MEMORY)
    assert plugin.is_managed
    assert not plugin.exited


def test_a_plugin_is_loaded_and_started_once_at_first_use() -> None:
    recorder = Recorder()
    plugin = CorePlugin("p", lambda: recorder)
    assert recorder.calls == []
    for _ in range(2):
        plugin.query_data(QUERY, CallContext())
    assert recorder.calls == ["start", "query", "query"]


def test_stop_is_called_once_and_ends_the_plugin() -> None:
    recorder = Recorder()
    plugin = CorePlugin.of("p", recorder)
    for _ in range(2):
        plugin.stop()
    assert recorder.calls == ["start", "stop"]
    assert plugin.exited
    assert plugin.is_decommissioned


def test_a_plugin_that_was_never_used_is_not_loaded_to_be_stopped() -> None:
    recorder = Recorder()
    plugin = CorePlugin("p", lambda: recorder)
    plugin.stop()
    assert recorder.calls == []
    with pytest.raises(PluginUnavailableError, match="stopped"):
        plugin.query_data(QUERY, CallContext())


def test_decommissioning_lets_running_calls_finish() -> None:
    plugin = CorePlugin.of("p", Recorder())
    plugin.decommission()
    assert plugin.is_decommissioned
    assert not plugin.exited
    assert plugin.query_data(QUERY, CallContext()) == QueryDataResponse()


def test_missing_query_and_resource_hooks_are_not_implemented() -> None:
    plugin = CorePlugin.of("p", OnlyHealth())
    for call in (
        lambda: plugin.query_data(QUERY, CallContext()),
        lambda: plugin.query_chunked_data(QUERY, CallContext()),
        lambda: plugin.call_resource(CallResourceRequest(CONTEXT, "x"), CallContext()),
    ):
        with pytest.raises(MethodNotImplementedError, match="Plugin 'p' does not implement"):
            call()


def test_a_missing_health_hook_is_ok() -> None:
    result = CorePlugin.of("p", Recorder()).check_health(CheckHealthRequest(CONTEXT), CallContext())
    assert result.status is HealthStatus.OK
    result = CorePlugin.of("p", OnlyHealth()).check_health(CheckHealthRequest(CONTEXT), CallContext())
    assert (result.status, result.message) == (HealthStatus.ERROR, "it rains")


def test_middlewares_wrap_the_plugin_the_first_outermost() -> None:
    notes: list[str] = []
    plugin = CorePlugin.of("p", Recorder(), middlewares=[Noting("a", notes), Noting("b", notes)])
    plugin.query_data(QUERY, CallContext())
    assert notes == ["a in", "b in", "b out", "a out"]


def test_a_middleware_does_not_count_as_implementing() -> None:
    plugin = CorePlugin.of("p", OnlyHealth(), middlewares=[Noting("a", [])])
    assert not plugin.implements("query_data")
    assert plugin.implements("check_health")


def test_a_middleware_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="wrapper"):
        CorePlugin("p", Recorder, middlewares=[OnlyHealth()])


def test_plugins_do_not_see_each_others_requests() -> None:
    one, other = Recorder(), Recorder()
    CorePlugin.of("one", one).query_data(QUERY, CallContext())
    CorePlugin.of("other", other)
    assert other.calls == ["start"]


def test_the_description_is_asked_for_once_and_gets_the_distributions_version() -> None:
    recorder = Recorder()
    plugin = CorePlugin.of("p", recorder, version="3.1")
    assert plugin.info == plugin.info == PluginInfo(id="p", name="Recorder", version="3.1")
    assert recorder.calls.count("describe") == 1


def test_a_plugin_without_a_description_has_its_id_and_version() -> None:
    assert CorePlugin.of("p", OnlyHealth(), version="2").info == PluginInfo(id="p", name="p", version="2")


class BadDescription:
    def __init__(self, described: object) -> None:
        self.described = described

    @hookimpl
    def describe_plugin(self) -> Any:
        if isinstance(self.described, BaseException):
            raise self.described
        return self.described


@pytest.mark.parametrize("described", [{"id": "p"}, KeyError("hunter2"), SystemExit(1)])
def test_a_wrong_description_makes_a_plugin_unavailable(described: object) -> None:
    with pytest.raises(PluginUnavailableError) as caught:
        _ = CorePlugin.of("p", BadDescription(described)).info
    assert "hunter2" not in str(caught.value)


class BadStart:
    @hookimpl
    def start_plugin(self) -> None:
        raise RuntimeError("no licence")


class BadWrapper:
    @hookimpl(wrapper=True)
    def query_data(self) -> QueryDataResponse:
        return QueryDataResponse()


@pytest.mark.parametrize(
    "load",
    [lambda: BadStart(), lambda: 1 / 0, lambda: object(), lambda: OnlyHealth, lambda: BadWrapper()],
    ids=["start fails", "load fails", "no hooks", "a class", "a wrapper that wraps nothing"],
)
def test_a_plugin_that_cannot_be_loaded_is_unavailable_at_every_use(load: Any) -> None:
    plugin = CorePlugin("p", load)
    for _ in range(2):
        with pytest.raises(PluginUnavailableError, match="'p'"):
            plugin.query_data(QUERY, CallContext())


def test_the_reason_for_a_failed_start_stays_its_cause() -> None:
    with pytest.raises(PluginUnavailableError) as caught:
        CorePlugin.of("p", BadStart())
    assert str(caught.value.__cause__) == "no licence"
    assert "no licence" not in str(caught.value)


def test_an_unusable_plugin_says_why_at_every_use() -> None:
    plugin = unusable("p", "Plugin 'p' is BROKEN: no driver", "1.0")
    assert plugin.version == "1.0"
    with pytest.raises(PluginUnavailableError, match="BROKEN: no driver"):
        _ = plugin.info


def test_only_a_plugin_with_instances_is_told_to_discard_one() -> None:
    recorder = Recorder()
    CorePlugin.of("p", recorder).discard_instance(CONTEXT)
    CorePlugin.of("p", OnlyHealth()).discard_instance(CONTEXT)
    assert recorder.calls == ["start", "discard"]
