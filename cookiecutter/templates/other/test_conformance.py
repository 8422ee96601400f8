"""What every data source must do. A check that does not apply is skipped, and says why."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from headwater.testing import DataSourceConformance, Features, Probes, Support, TypeProbe


class Test{{ cookiecutter.__class }}(DataSourceConformance):
    plugin_id = "{{ cookiecutter.slug }}"
    # REPLACE: the modules of your driver, which importing the plugin must not import.
    driver_modules = ()
    # REPLACE: memory has no address that can be wrong, and a station's name no parameters.
    features = Features(network=Support.UNSUPPORTED, parameters=Support.UNSUPPORTED)
    probes = Probes(
        simple={"station": "north"},
        wrong={"station": "nowhere"},
        rows=lambda count: {"station": "north", "rows": count},
        empty={"station": "north", "rows": 0},
        slow={"station": "north", "delayMs": 60_000},
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
