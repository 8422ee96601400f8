"""Examples run as a user runs them: in a process of their own, asked over HTTP, ended by SIGTERM."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.example_app import Serve, run_app
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        yield server


@pytest.fixture
def sources(mariadb: DatabaseServer, tmp_path: Path) -> Path:
    """A provisioning file with the data sources `shop`, a real MariaDB, and `demo`."""
    shop = {
        "name": "shop", "type": "mysql", "url": mariadb.address, "user": mariadb.user,
        "database": mariadb.database, "secureJsonData": {"password": mariadb.password},
    }  # fmt: skip
    file = tmp_path / "sources.json"
    file.write_text(json.dumps({"datasources": [shop, {"name": "demo", "type": "testdata"}]}))
    return file


@pytest.fixture
def busy(mariadb: DatabaseServer) -> Callable[[], int]:
    """How many statements with the comment `busy` the database is working on."""
    asked = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND INFO LIKE "
    return lambda: int(mariadb.rows(asked + "'%/* busy */%'")[0][0])


@pytest.fixture
def serve(sources: Path, tmp_path: Path) -> Serve:
    """`serve("-m", "uvicorn", "fastapi_app:app", "--port={port}")`: the app, until the block ends."""
    folder = tmp_path / "run"
    folder.mkdir()
    return lambda *arguments, **environment: run_app(
        *arguments, folder=folder, environment={"HEADWATER_PROVISIONING": str(sources), **environment}
    )
