"""Real servers for the pages that need them; pages see their URLs as `HEADWATER_TEST_<SERVER>_URL`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    from servers.mariadb import start_mariadb

    with start_mariadb() as server:
        yield server.url


@pytest.fixture(scope="session")
def clickhouse_url() -> Iterator[str]:
    from servers.clickhouse import start_clickhouse

    with start_clickhouse() as server:
        yield server.url


@pytest.fixture(scope="session")
def prometheus_url() -> Iterator[str]:
    from servers.prometheus import start_prometheus

    with start_prometheus() as server:
        yield server.url
