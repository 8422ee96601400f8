"""PostgreSQL, started once, for every test that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from headwater import Headwater
from headwater.models import DataSourceInstanceSettings
from headwater.sdk import CallContext, Secret
from headwater_adbc.data_source import AdbcDataSource
from headwater_adbc.presets.postgresql_settings import PostgreSQLSettings
from servers.database_files import duckdb_file
from servers.flight_sql import FlightAddress, start_flight_sql
from servers.postgresql import PASSWORD, USER, PostgresServer, start_postgresql

OpenPostgres = Callable[..., AdbcDataSource]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with start_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """A superuser's connection, to make what tests read."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def open_postgres(postgres: PostgresServer) -> Iterator[OpenPostgres]:
    """Makes data sources without a host; keywords are attributes of the settings, or `url`, `user`."""
    opened: list[AdbcDataSource] = []

    def open_one(**changes: Any) -> AdbcDataSource:
        instance = DataSourceInstanceSettings(
            uid="under-test",
            name="under test",
            type="postgresql",
            url=changes.pop("url", f"127.0.0.1:{postgres.port}"),
            user=changes.pop("user", USER),
            database="postgres",
        )
        password = Secret(changes.pop("password", PASSWORD))
        settings = PostgreSQLSettings(password=password, **{"sslmode": "disable", **changes})
        opened.append(AdbcDataSource(settings, instance))
        return opened[-1]

    yield open_one
    for data_source in opened:
        data_source.close()


@pytest.fixture
def context() -> Iterator[CallContext]:
    with closing(CallContext(timeout=30)) as call:
        yield call


@pytest.fixture
def headwater(postgres: PostgresServer) -> Iterator[Headwater]:
    """A host with the server as its data source `db`."""
    with Headwater(allow_plugins={"postgresql"}) as host:
        host.add_data_source(
            type="postgresql",
            name="db",
            url=f"127.0.0.1:{postgres.port}",
            user=USER,
            database="postgres",
            json_data={"sslmode": "disable"},
            secure_json_data={"password": PASSWORD},
        )
        yield host


@pytest.fixture(scope="session")
def flight_sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlightAddress]:
    table = "CREATE TABLE t AS SELECT range AS n FROM range(10)"
    with start_flight_sql(duckdb_file(tmp_path_factory.mktemp("flight"), table)) as address:
        yield address
