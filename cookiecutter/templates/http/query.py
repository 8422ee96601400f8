"""What a query can ask for."""

from __future__ import annotations

import attrs
from headwater.sdk import Query, field


@attrs.frozen(kw_only=True)
class LevelQuery(Query):
    """REPLACE with the keys of your queries; an attribute `max_level` would be the JSON key `maxLevel`.

    `time_range`, `interval_ms` and `max_data_points` are there already.
    """

    station: str = field(doc="Name of the station.")
    rows: int = field(60, minimum=0, doc="Number of readings, spread evenly over the time range.")
