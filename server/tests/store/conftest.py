from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from servers.mariadb import start_mariadb
from servers.mysql import start_mysql
from servers.mysql_family import DatabaseServer
from servers.postgresql import PostgresServer, start_postgresql

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with start_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[DatabaseServer]:
    with start_mysql() as server:
        yield server


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes an empty database of the given kind and returns its URL."""

    def make(kind: str) -> str:
        name = f"headwater_{next(_numbers)}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        if kind == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgresql")
            return server.new_database(name)
        database: DatabaseServer = request.getfixturevalue(kind)
        database.execute(f"CREATE DATABASE {name}")
        return f"mysql://{database.user}:{quote(database.password)}@{database.address}/{name}"

    return make


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", pytest.param("mysql", marks=pytest.mark.slow)])
def store_url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """An empty database, once of each kind."""
    return new_url(request.param)
