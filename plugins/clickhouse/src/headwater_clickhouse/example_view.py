"""What an engine in memory starts with, so that there is something to look at."""

from __future__ import annotations

from typing import Final

#: Readings of the last day, one a minute, made up anew whenever they are asked for.
EXAMPLE_VIEW: Final = """
CREATE VIEW IF NOT EXISTS default.example_weather AS
SELECT time, place.1 AS station,
  round(place.2 + place.3 * sin((day - 0.35) * 2 * pi()) + noise, 1) AS temperature_c,
  round(4 + 2 * cos(day * 6 * pi()) + noise, 1) AS wind_ms,
  round(greatest(0, sin(day * 10 * pi()) + noise - 1.2), 1) AS rain_mm
FROM (
  SELECT toStartOfMinute(now()) - toIntervalMinute(number) AS time,
    toUnixTimestamp(time) % 86400 / 86400 AS day,
    arrayJoin([('harbour', 11, 3), ('valley', 8, 7), ('ridge', 3, 5)]) AS place,
    cityHash64(time, place.1) % 100 / 100 AS noise
  FROM numbers(1440))
ORDER BY time, station
COMMENT 'Made-up readings of the last day, one a minute'
"""
