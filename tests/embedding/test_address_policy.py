"""What the operator says about addresses holds for every plugin, whose authors did nothing for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater import Headwater
from headwater.errors import DownstreamConnectionError, ErrorSource
from headwater.network import AddressPolicy
from servers.clickhouse import start_clickhouse
from servers.mariadb import start_mariadb
from servers.prometheus import start_prometheus

ELSEWHERE = AddressPolicy(only=("10.0.0.0/8", "fd00::/8"))
NOT_HERE = AddressPolicy(deny=("127.0.0.0/8", "::1"))
HERE = AddressPolicy(only=("127.0.0.0/8", "::1"))


@pytest.fixture(scope="module", params=["prometheus", "mysql", "clickhouse"])
def data_source(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A data source whose server runs on loopback."""
    match request.param:
        case "prometheus":
            with start_prometheus() as server:
                yield {"type": "prometheus", "url": server.url}
        case "mysql":
            with start_mariadb() as database:
                secrets = {"password": database.password}
                yield {
                    "type": "mysql", "url": database.address, "user": database.user,
                    "secure_json_data": secrets,
                }  # fmt: skip
        case _:
            with start_clickhouse() as clickhouse:
                yield {"type": "clickhouse", "url": clickhouse.url}


def ask(policy: AddressPolicy, data_source: dict[str, Any]) -> None:
    with Headwater(address_policy=policy) as headwater:
        headwater.add_data_source("db", **data_source)
        headwater.query("db", "vector(1)" if data_source["type"] == "prometheus" else "SELECT 1 AS one")


@pytest.mark.parametrize("policy", [ELSEWHERE, NOT_HERE])
def test_a_server_on_a_refused_address_is_not_asked(
    data_source: dict[str, Any], policy: AddressPolicy
) -> None:
    with pytest.raises(
        DownstreamConnectionError, match=r"not connect to 127\.0\.0\.1: the host's address"
    ) as caught:
        ask(policy, data_source)
    assert (caught.value.status, caught.value.source) == (403, ErrorSource.HOST)


def test_a_server_on_a_listed_address_answers(data_source: dict[str, Any]) -> None:
    ask(HERE, data_source)
