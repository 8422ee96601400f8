"""Fixtures that applications use: a host with nothing in it, and fakes for it."""

from __future__ import annotations

import pytest

from headwater import Headwater
from headwater.errors import DownstreamTimeoutError, PluginNotRegisteredError, PluginUnavailableError
from headwater.testing.fixtures import AddFakeSource

pytest_plugins = ["headwater.testing.fixtures"]


def test_a_fake_answers_in_the_host_of_the_test(headwater: Headwater, fake_source: AddFakeSource) -> None:
    shop = fake_source("shop", {"SELECT 1": [{"n": 1}]})
    assert headwater.query("shop", "SELECT 1").to_pylist() == [{"n": 1}]
    assert [query["rawSql"] for query in shop.queries] == ["SELECT 1"]


def test_a_fake_fails_as_the_application_must_bear(headwater: Headwater, fake_source: AddFakeSource) -> None:
    fake_source("metrics", {"up": DownstreamTimeoutError("Prometheus is slow.")}, text_key="expr")
    with pytest.raises(DownstreamTimeoutError):
        headwater.query("metrics", "up")


def test_no_installed_plugin_is_in_the_host(headwater: Headwater) -> None:
    assert not headwater.list_data_sources()
    headwater.add_data_source("demo", type="testdata")
    with pytest.raises((PluginUnavailableError, PluginNotRegisteredError)):
        headwater.query("demo", "random_walk")
