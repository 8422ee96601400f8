from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater_harlequin import HeadwaterAdapter
from headwater_harlequin.connection import HeadwaterConnection
from headwater_server.cli.workspace import open_headwater
from headwater_server.data_directory import DataDirectory

Connect = Callable[..., HeadwaterConnection]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the data sources `demo` and `my shop`, both of test data."""
    path = tmp_path_factory.mktemp("harlequin") / "data"
    with open_headwater(DataDirectory.named(str(path))) as headwater:
        headwater.add_data_source("demo", type="testdata")
        headwater.add_data_source("my shop", type="testdata")
    return path


@pytest.fixture
def connect(data_dir: Path) -> Iterator[Connect]:
    """`connect("demo", **options)`: connections as Harlequin makes them, closed at the end."""
    opened: list[HeadwaterConnection] = []

    def connect(*names: str, **options: Any) -> HeadwaterConnection:
        connection = HeadwaterAdapter(names, **{"data_dir": data_dir, **options}).connect()
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()
