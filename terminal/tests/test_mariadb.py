"""The adapter on a MariaDB: what the catalog shows, and that leaving and cancelling reach the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater_harlequin import HeadwaterAdapter
from headwater_harlequin.connection import HeadwaterConnection
from headwater_server.cli.workspace import open_headwater
from headwater_server.data_directory import DataDirectory
from servers.http_host import eventually
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        server.execute(
            "CREATE TABLE orders (id INT PRIMARY KEY, total DECIMAL(9, 2), placed DATETIME, note TEXT)",
            "INSERT INTO orders VALUES (1, 12.50, '2026-01-01 10:00:00', 'Zürich'), (2, NULL, NULL, NULL)",
            "CREATE VIEW large AS SELECT * FROM orders WHERE total > 10",
        )
        yield server


@pytest.fixture(scope="module")
def data_dir(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mariadb") / "data"
    with open_headwater(DataDirectory.named(str(path))) as headwater:
        headwater.add_data_source(
            "shop", type="mysql", url=server.address, user=server.user, database=server.database,
            secure_json_data={"password": server.password},
        )  # fmt: skip
    return path


@pytest.fixture
def shop(data_dir: Path) -> Iterator[HeadwaterConnection]:
    connection = HeadwaterAdapter(("shop",), data_dir=data_dir).connect()
    yield connection
    connection.close()


def running(server: DatabaseServer, text: str) -> bool:
    found = server.rows(
        "SELECT count(*) FROM information_schema.processlist "
        f"WHERE info LIKE '%{text}%' AND id <> connection_id()"
    )
    return bool(found[0][0])


def test_a_table_keeps_its_types(shop: HeadwaterConnection) -> None:
    cursor = shop.execute("SELECT * FROM orders ORDER BY id")
    assert cursor is not None
    assert cursor.columns() == [("id", "##"), ("total", "#.#"), ("placed", "ts"), ("note", "s")]
    table = cursor.fetchall()
    assert table is not None
    assert [str(each) for each in table.column("total").to_pylist()] == ["12.50", "None"]


def test_the_catalog_has_databases_tables_views_and_columns(
    shop: HeadwaterConnection, server: DatabaseServer
) -> None:
    [source] = shop.get_catalog().items
    database: Any = next(each for each in source.children if each.label == server.database)
    assert (database.type_label, database.query_name) == ("db", f"`{server.database}`")
    tables: dict[str, Any] = {each.label: each for each in database.fetch_children()}
    assert {name: each.type_label for name, each in tables.items()} == {"orders": "t", "large": "v"}
    assert tables["orders"].query_name == f"`{server.database}`.`orders`"
    columns = [(each.label, each.type_label, each.query_name) for each in tables["orders"].fetch_children()]
    assert columns == [
        ("id", "##", "`id`"),
        ("total", "#.#", "`total`"),
        ("placed", "ts", "`placed`"),
        ("note", "s", "`note`"),
    ]


def test_functions_and_macros_complete(shop: HeadwaterConnection) -> None:
    labels = {each.label: each.type_label for each in shop.get_completions()}
    assert labels["CONCAT"] == "fn"
    assert "macro" in labels.values()


def test_a_limit_ends_the_query_at_the_server(shop: HeadwaterConnection, server: DatabaseServer) -> None:
    cursor = shop.execute("SELECT seq FROM seq_1_to_1000000000 /* endless */")
    assert cursor is not None
    table = cursor.set_limit(1000).fetchall()
    assert table is not None
    assert table.column("seq").to_pylist() == list(range(1, 1001))
    assert eventually(lambda: not running(server, "/* endless */"), 20)


def test_cancel_ends_the_query_at_the_server(shop: HeadwaterConnection, server: DatabaseServer) -> None:
    ended = threading.Event()

    def ask() -> None:
        assert shop.execute("SELECT sleep(600) /* napping */") is None
        ended.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert eventually(lambda: running(server, "/* napping */"), 20)
    shop.cancel()
    assert ended.wait(20)
    asking.join()
    assert eventually(lambda: not running(server, "/* napping */"), 20)
