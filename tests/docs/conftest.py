"""Real servers for the pages that need them; pages see their URLs as `HEADWATER_TEST_<SERVER>_URL`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def wheels_url(wheels: dict[str, Path]) -> str:
    """Folders of this tree's wheels, for the `pip install` of pages that make an environment of their own."""
    return " ".join(wheel.parent.as_uri() for wheel in wheels.values())


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    from servers.mariadb import start_mariadb

    with start_mariadb() as server:
        yield server.url


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    from servers.postgresql import start_postgresql

    with start_postgresql() as server:
        yield server.url()


@pytest.fixture(scope="session")
def clickhouse_url() -> Iterator[str]:
    from servers.clickhouse import start_clickhouse

    with start_clickhouse() as server:
        yield server.url


@pytest.fixture(scope="session")
def prometheus_url() -> Iterator[str]:
    from servers.prometheus import V3, start_prometheus
    from servers.prometheus_samples import own_metrics

    with start_prometheus(V3, openmetrics=own_metrics()) as server:
        yield server.url


@pytest.fixture(scope="session")
def rest_url() -> Iterator[str]:
    from servers.rest_api import start_rest_api

    with start_rest_api() as api:
        yield api.url
