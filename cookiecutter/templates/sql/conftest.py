from __future__ import annotations

from collections.abc import Iterator

import pytest
from headwater import Headwater


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    """A host with the data source `demo`."""
    with Headwater() as host:
        host.add_data_source(name="demo", type="{{ cookiecutter.slug }}")
        yield host
