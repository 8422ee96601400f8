"""A shop's API over HTTP, and data sources that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from headwater import Headwater
from servers.rest_api import RestApi, start_rest_api

# How long an example takes says more about the machine's other work than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

MakeHost = Callable[..., Headwater]


@pytest.fixture
def api() -> Iterator[RestApi]:
    with start_rest_api() as started:
        yield started


@pytest.fixture
def make_host(api: RestApi) -> Iterator[MakeHost]:
    """`make_host(**endpoints)`: a host with the data source `shop`; `settings`, `fields`: more of it."""
    hosts: list[Headwater] = []

    def make(
        settings: dict[str, Any] | None = None, fields: dict[str, Any] | None = None, **endpoints: Any
    ) -> Headwater:
        host = Headwater()
        hosts.append(host)
        json_data = {"endpoints": endpoints, **(settings or {})}
        host.add_data_source(
            **{"name": "shop", "type": "rest", "url": api.url, "json_data": json_data, **(fields or {})}
        )
        return host

    yield make
    for host in hosts:
        host.close()
