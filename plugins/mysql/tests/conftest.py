"""Both decoders, and both servers, for every test that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from headwater import Headwater
from headwater.models import DataSourceInstanceSettings
from headwater.sdk import CallContext, Secret
from headwater_mysql.datasource import MySQLDataSource
from headwater_mysql.decode.choice import NATIVE, NUMPY, DecoderFactory, choose_decoder
from headwater_mysql.settings import MySQLSettings
from servers.mariadb import start_mariadb
from servers.mysql import start_mysql
from servers.mysql_checks import DataSourceFactory
from servers.mysql_family import DatabaseServer
from servers.process import unavailable


@pytest.fixture(params=[NATIVE, NUMPY], scope="session")
def decoder_name(request: pytest.FixtureRequest) -> str:
    """Each of the row decoders in turn. The native one may be missing where no compiler was."""
    try:
        return choose_decoder(request.param)[0]
    except ImportError:
        unavailable("the native decoder is not built; is there a C++ compiler?")


@pytest.fixture(scope="session")
def decoder(decoder_name: str) -> DecoderFactory:
    return choose_decoder(decoder_name)[1]


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[DatabaseServer]:
    with start_mysql() as server:
        yield server


@pytest.fixture(params=["mariadb", "mysql"], scope="session")
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """MariaDB, then MySQL."""
    found: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def open_data_source() -> Iterator[DataSourceFactory]:
    """Makes data sources without a host: `open_data_source(server, readOnly…=…)`; closes them at the end.

    Keywords are attributes of MySQLSettings, or `url`, `user`, `database`.
    """
    opened: list[MySQLDataSource] = []

    def open_one(server: DatabaseServer | None = None, **changes: Any) -> MySQLDataSource:
        instance = DataSourceInstanceSettings(
            uid="under-test",
            name="under test",
            type="mysql",
            url=changes.pop("url", server.address if server else ""),
            user=changes.pop("user", server.user if server else "nobody"),
            database=changes.pop("database", server.database if server else ""),
        )
        password = changes.pop("password", server.password if server else "")
        opened.append(MySQLDataSource(MySQLSettings(password=Secret(password), **changes), instance))
        return opened[-1]

    yield open_one
    for data_source in opened:
        data_source.close()


@pytest.fixture
def context() -> Iterator[CallContext]:
    with closing(CallContext(timeout=30)) as call:
        yield call


@pytest.fixture
def headwater(server: DatabaseServer) -> Iterator[Headwater]:
    """A host with the server as its data source `db`."""
    with Headwater(allow_plugins={"mysql"}) as host:
        host.add_data_source(
            type="mysql",
            name="db",
            url=server.address,
            user=server.user,
            database=server.database,
            secure_json_data={"password": server.password},
        )
        yield host
