"""Data sources for workers in processes of their own: files, with the secret in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from headwater import Headwater
from headwater_engines.hosts import FilesHost


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lost-workers", type=int, help="How often a worker is killed amid a read (2).")


CANARY = "canary-5d1b70"
FILE = """
apiVersion: 1
datasources:
  - {name: shop, uid: shop-1, type: testdata, secureJsonData: {apiKey: "$__env{SHOP_KEY}"}}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilesHost]:
    """How driver and workers get the data source `shop`."""
    folder = tmp_path_factory.mktemp("provisioning")
    (folder / "sources.yaml").write_text(FILE)
    os.environ["SHOP_KEY"] = CANARY
    yield FilesHost([os.fspath(folder)])
    del os.environ["SHOP_KEY"]


@pytest.fixture(scope="module")
def driver(files: FilesHost) -> Iterator[Headwater]:
    with files.open() as host:
        yield host


@pytest.fixture
def lost_workers(request: pytest.FixtureRequest) -> int:
    """How often a worker is killed."""
    return request.config.getoption("--lost-workers", default=None) or 2


@pytest.fixture
def secret() -> str:
    """What must be found nowhere but in the workers' environment."""
    return CANARY
