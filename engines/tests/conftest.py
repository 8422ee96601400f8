from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater import Headwater


@pytest.fixture(scope="module")
def shared_host() -> Iterator[Headwater]:
    with Headwater(allow_plugins=["testdata"]) as host:
        yield host


@pytest.fixture
def host(shared_host: Headwater) -> Iterator[Headwater]:
    """A host with the data source `shop`, as if it had been made for the test."""
    shared_host.add_data_source("shop", type="testdata", uid="shop-1")
    yield shared_host
    for each in shared_host.list_data_sources():
        shared_host.remove_data_source(each.uid)
