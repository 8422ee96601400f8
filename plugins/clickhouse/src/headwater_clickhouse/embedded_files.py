"""Files that the embedded engine reads as tables by their names: `SELECT * FROM "orders.csv"`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOST: Final = 500
_DATA: Final = re.compile(
    r".+\.(csv|tsv|parquet|json|jsonl|ndjson|arrow|avro|orc)(\.(gz|zst|xz|bz2|lz4))?", re.I
)


def data_files() -> list[str]:
    """Names of the data files in the working folder, in which the engine looks for them; 500 at most."""
    try:
        names = sorted(
            each.name for each in Path().iterdir() if _DATA.fullmatch(each.name) and each.is_file()
        )
    except OSError:
        return []
    return names[:_MOST]
