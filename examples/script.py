"""A plain script: query, compute on Arrow, stream to a file, tell whose fault an error is.

pip install headwater headwater-testdata
python script.py rows.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

from headwater import Headwater
from headwater.errors import HeadwaterError

ROWS = {"scenario": "streaming_rows", "rows": 100_000, "seed": 7}


def main(target: Path) -> int:
    """Exit with 1 if a query fails. Its error says who is to blame: caller, plugin, downstream or host."""
    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata")
        try:
            summarise(headwater)
            rows = export(headwater, target)
        except HeadwaterError as error:
            print(f"{error.source} error: {error}", file=sys.stderr)
            return 1
    print(f"{rows:,} rows in {target.name}")
    return 0


def summarise(headwater: Headwater) -> None:
    """The whole answer at once: `table` is a `pyarrow.Table`."""
    table = headwater.query("demo", ROWS).table
    cities = table.group_by("city").aggregate([("value", "mean")]).sort_by("city")
    for row in cities.to_pylist():
        print(f"{row['city']:<10} {row['value_mean']:8.2f}")


def export(headwater: Headwater, target: Path) -> int:
    """Batch by batch: memory stays small, however long the answer is."""
    with headwater.stream("demo", ROWS) as stream, pq.ParquetWriter(target, stream.schema) as writer:
        for batch in stream:
            writer.write_batch(batch)
    return stream.rows


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
