"""A real server and the embedded engine, for every test that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from servers.clickhouse import Ask, ClickHouseServer, start_clickhouse, start_old_clickhouse


@pytest.fixture(scope="session")
def server() -> Iterator[ClickHouseServer]:
    with start_clickhouse() as started:
        yield started


@pytest.fixture(scope="session")
def old_server() -> Iterator[ClickHouseServer]:
    with start_old_clickhouse() as started:
        yield started


@pytest.fixture
def host() -> Iterator[Headwater]:
    with Headwater(allow_plugins=["clickhouse"]) as opened:
        yield opened


@pytest.fixture
def add(host: Headwater, server: ClickHouseServer) -> Callable[..., str]:
    """Add a data source for the server; `json_data`, `url`, `user` and the like may be given. Its name."""

    def add_source(**fields: Any) -> str:
        name = f"source {len(host.store.list())}"
        host.add_data_source(**{"name": name, "type": "clickhouse", "url": server.url, **fields})
        return name

    return add_source


@pytest.fixture(scope="module", params=["server", "embedded"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Run a query on the server, then on the embedded engine: `ask(sql)`, or `ask(query_object)`."""
    if request.param == "server":
        url = request.getfixturevalue("server").url
    else:
        pytest.importorskip("chdb")
        url = "chdb://"
    with Headwater(allow_plugins=["clickhouse"]) as opened:
        opened.add_data_source(name="ch", type="clickhouse", url=url)

        def run(query: str | Mapping[str, Any], **options: Any) -> pa.Table:
            return opened.query("ch", query, **options).table

        yield run
