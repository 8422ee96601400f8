"""Two hosts in one process do not see each other, though they use one installed plugin and one database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater import Headwater
from headwater.errors import DataSourceNotFoundError, PluginNotRegisteredError, QueryCanceledError
from headwater.sdk import DataSourcePlugin
from headwater_testdata.plugin import TestDataPlugin
from servers.http_host import eventually
from servers.mysql_family import DatabaseServer

SLEEP = "SELECT SLEEP(120) /* busy */"
CONNECTION = "SELECT CONNECTION_ID() AS id"


@pytest.fixture
def hosts(mariadb: DatabaseServer) -> Iterator[tuple[Headwater, Headwater]]:
    """Each with a data source of the same uid and name on the same server."""
    with Headwater() as one, Headwater() as other:
        for host in (one, other):
            host.add_data_source(
                "shop", type="mysql", uid="shop", url=mariadb.address, user=mariadb.user,
                secure_json_data={"password": mariadb.password},
            )  # fmt: skip
        yield one, other


def connection(host: Headwater) -> int:
    return int(host.query("shop", CONNECTION).to_pylist()[0]["id"])


def test_they_share_no_connection(hosts: tuple[Headwater, Headwater]) -> None:
    one, other = hosts
    assert connection(one) == connection(one) != connection(other)


def test_they_share_no_data_source_and_no_secret(hosts: tuple[Headwater, Headwater]) -> None:
    one, other = hosts
    one.add_data_source("extra", type="testdata")
    with pytest.raises(DataSourceNotFoundError):
        other.query("extra", {})
    one.update_data_source("shop", secure_json_data={"password": "wrong"})
    assert one.check_health("shop").message != "Database Connection OK"
    assert other.check_health("shop").message == "Database Connection OK"
    one.remove_data_source("shop")
    assert connection(other)


def test_they_share_no_plugin(hosts: tuple[Headwater, Headwater]) -> None:
    one, other = hosts
    one.add_plugin("orders", a_plugin())
    assert one.plugin_info("orders").name == "Orders"
    with pytest.raises(PluginNotRegisteredError):
        other.plugin_info("orders")


def test_closing_one_ends_its_query_and_no_other(
    hosts: tuple[Headwater, Headwater], busy: Callable[[], int]
) -> None:
    one, other = hosts
    kept = connection(other)
    with ThreadPoolExecutor() as threads:
        ended = threads.submit(one.query, "shop", SLEEP)
        running = threads.submit(other.query, "shop", "SELECT SLEEP(3) AS slept /* busy */")
        assert eventually(lambda: busy() == 2)
        one.close()
        with pytest.raises(QueryCanceledError):
            ended.result(30)
        assert running.result(30).to_pylist() == [{"slept": 0}]
    assert connection(other) == kept


def test_closing_one_leaves_none_of_its_threads(hosts: tuple[Headwater, Headwater]) -> None:
    for host in hosts:
        connection(host)
        host.close()
    assert eventually(
        lambda: not [each for each in threading.enumerate() if each.name.startswith("headwater-worker")]
    )


def test_they_share_no_logger() -> None:
    for name in ("one", "other"):
        logger, kept = logging.getLogger(f"embedder-{name}"), Kept()
        logger.setLevel(logging.DEBUG)
        logger.addHandler(kept)
        with Headwater(logger=logger) as host, Headwater() as neighbour:
            for each, uid in ((host, name), (neighbour, "neighbour")):
                each.add_data_source("demo", type="testdata", uid=uid)
                each.query("demo", "no_data")
        assert f"data_source={name!r}" in kept.text
        assert "neighbour" not in kept.text


class Kept(logging.Handler):
    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage() + "\n"


def a_plugin() -> DataSourcePlugin:
    class Orders(TestDataPlugin):
        id = "orders"
        name = "Orders"
        alias_ids = ()

    return Orders()
