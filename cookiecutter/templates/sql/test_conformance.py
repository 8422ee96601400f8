"""What every data source must do. A check that does not apply is skipped, and says why."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from headwater.testing import (
    DataSourceConformance,
    Features,
    ParameterProbe,
    Probes,
    Support,
    TypeProbe,
)


def count_to(number: int) -> dict[str, Any]:
    """A query with `number` rows."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    return {"rawSql": f"{numbers} SELECT i FROM n", "params": [number]}


class Test{{ cookiecutter.__class }}(DataSourceConformance):
    plugin_id = "{{ cookiecutter.slug }}"
    # REPLACE: the modules of your driver, which importing the plugin must not import.
    driver_modules = ("sqlite3",)
    # REPLACE: memory has no address that can be wrong; your server has. Override `config` then.
    features = Features(network=Support.UNSUPPORTED)
    probes = Probes(
        simple={"rawSql": "SELECT * FROM readings"},
        wrong={"rawSql": "SELECT * FROM no_such_table"},
        rows=count_to,
        empty={"rawSql": "SELECT * FROM readings WHERE level > 100"},
        slow={
            "rawSql": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        },
        text=lambda text: {"rawSql": "SELECT ? AS text", "params": [text]},
        duplicate_columns={"rawSql": "SELECT 1 AS twice, 2 AS twice"},
        types=(
            TypeProbe("whole numbers", {"rawSql": "SELECT 1 UNION ALL SELECT NULL"}, pa.int64(), (1, None)),
            TypeProbe("numbers", {"rawSql": "SELECT 0.5 UNION ALL SELECT 2"}, pa.float64(), (0.5, 2.0)),
            TypeProbe("bytes", {"rawSql": "SELECT x'00ff'"}, pa.binary(), (b"\x00\xff",)),
        ),
        parameter=ParameterProbe(
            lambda value: ({"rawSql": "SELECT ? AS value"}, [value]),
            placed=lambda name, _: {"rawSql": f"SELECT {name} AS value"},
        ),
        resource="tables",
    )
