"""Hosts around hand-made plugins: real hook objects, no mocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater import CallContext, Headwater, InMemoryRegistry
from headwater.plugins import CorePlugin


@pytest.fixture
def make_host() -> Iterator[Callable[..., Headwater]]:
    """`make_host(a=PluginA(), b=PluginB())`: a host with these plugins and a data source named after each.

    Options of Headwater go into `options`. Hosts are closed after the test.
    """
    hosts: list[Headwater] = []

    def make(*, options: dict[str, Any] | None = None, **implementations: object) -> Headwater:
        registry = InMemoryRegistry()
        for plugin_id, implementation in implementations.items():
            registry.add(CorePlugin.of(plugin_id, implementation))
        host = Headwater(registry=registry, **(options or {}))
        for plugin_id in implementations:
            host.add_data_source(plugin_id, type=plugin_id, uid=plugin_id)
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def cancel_when() -> Callable[..., None]:
    """`cancel_when(event, context)`: another thread cancels the call as soon as the event is set."""

    def cancel(event: threading.Event, context: CallContext, reason: str = "enough") -> None:
        event.wait(10)
        context.cancel(reason)

    return lambda *arguments: threading.Thread(target=cancel, args=arguments).start()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What a hanging plugin waits for; set after the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()
