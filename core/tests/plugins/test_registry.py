from __future__ import annotations

import threading

import pytest

from headwater import InMemoryRegistry, hookimpl
from headwater.errors import PluginAlreadyRegisteredError, PluginNotRegisteredError
from headwater.models import PluginInfo
from headwater.plugins import CorePlugin
from headwater.plugins.plugin import unusable


class Described:
    def __init__(self, plugin_id: str, *aliases: str) -> None:
        self.info = PluginInfo(id=plugin_id, alias_ids=aliases)
        self.asked = 0

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        self.asked += 1
        return self.info


def plugin(plugin_id: str, *aliases: str) -> CorePlugin:
    return CorePlugin.of(plugin_id, Described(plugin_id, *aliases))


@pytest.fixture
def registry() -> InMemoryRegistry:
    return InMemoryRegistry()


def test_plugins_are_found_by_id_and_listed_in_order(registry: InMemoryRegistry) -> None:
    b, a = plugin("b"), plugin("a")
    registry.add(b)
    registry.add(a)
    assert registry.plugin("a") is a
    assert registry.plugins() == [a, b]
    assert registry.plugin("c") is None


def test_a_taken_id_is_an_error_that_names_both(registry: InMemoryRegistry) -> None:
    registry.add(plugin("a"), aliases=("x",))
    with pytest.raises(PluginAlreadyRegisteredError, match="'a' of 'a' is already taken by plugin 'a'"):
        registry.add(plugin("a"))
    with pytest.raises(PluginAlreadyRegisteredError, match="'x' of 'x' is already taken by plugin 'a'"):
        registry.add(plugin("x"))
    with pytest.raises(PluginAlreadyRegisteredError, match="'x' of 'b' is already taken by plugin 'a'"):
        registry.add(plugin("b"), aliases=("x",))
    assert [each.plugin_id for each in registry.plugins()] == ["a"]


def test_removing_takes_the_aliases_along(registry: InMemoryRegistry) -> None:
    registry.add(plugin("a"), aliases=("x",))
    registry.remove("a")
    assert registry.plugin("a") is registry.plugin("x") is None
    registry.add(plugin("x"))


def test_removing_what_is_not_there_is_an_error(registry: InMemoryRegistry) -> None:
    with pytest.raises(PluginNotRegisteredError, match="'a'"):
        registry.remove("a")


def test_a_plugins_own_aliases_are_asked_for_when_an_id_is_unknown(registry: InMemoryRegistry) -> None:
    described = Described("mysql", "grafana-mysql-datasource")
    registry.add(CorePlugin("mysql", lambda: described))
    assert registry.plugin("mysql") is not None
    assert described.asked == 0
    found = registry.plugin("grafana-mysql-datasource")
    assert found is not None
    assert found.plugin_id == "mysql"
    assert registry.plugin("unknown") is None
    assert described.asked == 1


def test_an_alias_never_hides_a_plugin(registry: InMemoryRegistry) -> None:
    registry.add(plugin("a", "b"))
    b = plugin("b")
    registry.add(b)
    registry.plugin("unknown")
    assert registry.plugin("b") is b


def test_an_alias_that_two_plugins_claim_names_neither(
    registry: InMemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(plugin("a", "x"))
    registry.add(plugin("b", "x"))
    assert registry.plugin("x") is None
    assert "claim an alias" in caplog.text


def test_a_broken_plugin_hides_no_alias_of_another(registry: InMemoryRegistry) -> None:
    registry.add(unusable("a", "broken"))
    registry.add(plugin("b", "x"))
    found = registry.plugin("x")
    assert found is not None
    assert found.plugin_id == "b"


def test_threads_may_add_remove_and_look_up(registry: InMemoryRegistry) -> None:
    faults: list[BaseException] = []

    def churn(name: str) -> None:
        try:
            for _ in range(200):
                registry.add(plugin(name))
                assert registry.plugin(name) is not None
                registry.plugins()
                registry.remove(name)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=churn, args=(f"p{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert registry.plugins() == []
