"""What every data source must do. A check that does not apply is skipped, and says why."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from headwater.testing import (
    DataSourceConfig,
    DataSourceConformance,
    Features,
    Probes,
    Support,
    TypeProbe,
)

from fake_api import FakeApi


class Test{{ cookiecutter.__class }}(DataSourceConformance):
    plugin_id = "{{ cookiecutter.slug }}"
    # Importing the plugin must import none of these.
    driver_modules = ("urllib3",)
    # REPLACE: a station's name has no parameters; a query language may have.
    features = Features(parameters=Support.UNSUPPORTED)
    probes = Probes(
        simple={"station": "north"},
        wrong={"station": "nowhere"},
        rows=lambda count: {"station": "north", "rows": count},
        empty={"station": "north", "rows": 0},
        slow={"station": "slow"},
        types=(
            TypeProbe(
                "times",
                {"station": "north", "rows": 2},
                pa.timestamp("ms", tz="UTC"),
                (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), datetime(2026, 1, 1, 0, 30, tzinfo=UTC)),
            ),
        ),
        resource="tables",
    )

    @pytest.fixture
    def config(self, api: FakeApi) -> DataSourceConfig:
        return DataSourceConfig(url=api.url)
