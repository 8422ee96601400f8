from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from headwater import Headwater

from fake_api import FakeApi


@pytest.fixture(scope="session")
def api() -> Iterator[FakeApi]:
    with FakeApi() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    """A host with the data source `demo`, which has no URL."""
    with Headwater() as host:
        host.add_data_source(name="demo", type="{{ cookiecutter.slug }}")
        yield host
