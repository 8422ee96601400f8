"""Rows as time series, logs and traces, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from headwater import Frame, Headwater
from headwater.errors import HeadwaterError, ValidationError
from headwater_clickhouse.formats import merge_attributes
from servers.clickhouse import ClickHouseServer

Frames = Callable[..., list[Frame]]
SERIES = """
SELECT toDateTime(number - number % 2) AS t, ['a', 'b'][number % 2 + 1] AS host, number AS v
FROM numbers(6) WHERE number != 3 ORDER BY t
"""


@pytest.fixture
def frames(host: Headwater, server: ClickHouseServer) -> Frames:
    host.add_data_source(name="ch", type="clickhouse", url=server.url)
    return lambda sql, **keys: host.query_frames("ch", {"rawSql": sql, **keys})


def labels(frame: Frame) -> list[dict[str, str]]:
    return [dict(field.labels) for field in frame.fields]


@pytest.mark.parametrize("name", [0, "time_series", "TimeSeries"])
def test_long_rows_become_a_wide_series_with_nulls(frames: Frames, name: object) -> None:
    (frame,) = frames(SERIES, format=name)
    assert frame.meta is not None
    assert (frame.name, frame.meta.type) == ("A", "timeseries-wide")
    assert labels(frame) == [{}, {"host": "a"}, {"host": "b"}]
    assert [field.values.to_pylist() for field in frame.fields[1:]] == [[0, 2, 4], [1, None, 5]]


@pytest.mark.parametrize(("mode", "filled"), [(0, [1, 1, 5]), (1, [1, None, 5]), (2, [1, 9, 5])])
def test_gaps_are_filled_as_asked(frames: Frames, mode: int, filled: list[Any]) -> None:
    (frame,) = frames(SERIES, format=0, fillMode=mode, fillValue=9)
    assert frame.fields[2].values.to_pylist() == filled


def test_multi_is_one_frame_per_series(frames: Frames) -> None:
    found = frames(SERIES, format="multi")
    assert [labels(frame)[1]["host"] for frame in found] == ["a", "b"]
    assert [frame.num_rows for frame in found] == [3, 2]


@pytest.mark.parametrize("name", ["time_series", "multi"])
def test_no_rows_are_no_error(frames: Frames, name: str) -> None:
    (frame,) = frames(SERIES.replace("!= 3", "> 99"), format=name)
    assert frame.num_rows == 0


def test_rows_that_are_no_series_stay_rows(frames: Frames) -> None:
    (frame,) = frames("SELECT 'a' AS k, 1 AS v", format=0)
    assert frame.table.to_pylist() == [{"k": "a", "v": 1}]


def test_unsorted_rows_are_explained(frames: Frames) -> None:
    with pytest.raises(HeadwaterError, match="not sorted in ascending order by time"):
        frames(SERIES.replace("ORDER BY t", "ORDER BY t DESC"), format=0)


def test_nested_columns_tell_series_apart(frames: Frames) -> None:
    (frame,) = frames(
        "SELECT toDateTime(1) AS t, map('k', number) AS m, number AS v FROM numbers(2)", format=0
    )
    assert labels(frame)[1:] == [{"m": '[["k", 0]]'}, {"m": '[["k", 1]]'}]


def test_logs_gather_opentelemetrys_attributes(frames: Frames) -> None:
    sql = """
    SELECT toDateTime64(1, 9) AS timestamp, 'started' AS body, 'info' AS level,
           map('service.name', 'api') AS ResourceAttributes, '{"http":{"status":200}}'::JSON AS LogAttributes
    """
    (frame,) = frames(sql, format="logs")
    assert frame.meta is not None
    assert frame.meta.preferred_visualisation_type == "logs"
    assert frame.table.column_names == ["timestamp", "body", "level", "labels"]
    assert dict(frame.table.column("labels")[0].as_py()) == {
        "ResourceAttributes.service.name": "api",
        "LogAttributes.http.status": "200",
    }


def test_own_labels_of_logs_are_left_alone(frames: Frames) -> None:
    (frame,) = frames("SELECT 'x' AS body, map('a', 'b') AS labels, map('c', 'd') AS LogAttributes", format=2)
    assert frame.table.column_names == ["body", "labels", "LogAttributes"]


def test_traces_say_how_to_show_them(frames: Frames) -> None:
    (frame,) = frames("SELECT 't' AS traceID, [map('key', 'a', 'value', 'b')] AS tags", format="traces")
    assert frame.meta is not None
    assert frame.meta.preferred_visualisation_type == "trace"


def test_a_table_is_shown_as_one_and_names_its_statement(frames: Frames) -> None:
    (frame,) = frames("SELECT $__interval_s AS s;", format=1)
    assert frame.meta is not None
    assert frame.meta.executed_query_string == "SELECT 1 AS s"


@pytest.mark.parametrize("wrong", [7, "graph"])
def test_a_format_that_does_not_exist_is_refused(frames: Frames, wrong: object) -> None:
    with pytest.raises(ValidationError, match="format: expected"):
        frames("SELECT 1", format=wrong)


def test_a_statement_macro_runs(frames: Frames) -> None:
    sql = "$__columns(now() - number, number % 2, count()) FROM numbers(10)"
    (frame,) = frames(sql, format=0)
    assert labels(frame)[1:] == [{"metric": "0"}, {"metric": "1"}]
    (frame,) = frames("$__lttb(10, t, v) FROM (SELECT now() AS t, 1.5 AS v)", format=1)
    assert frame.table.column("v").to_pylist() == [1.5]


@pytest.mark.parametrize(
    ("operator", "value", "left"),
    [
        ("=", "it's", [2]),
        ("IN", r"('it\'s', 'y')", [2]),
        ("IN", """("it's", x)""", [1, 2]),
        ("IN", r"('\'\'\n')", [3]),
    ],
)
def test_ad_hoc_filters_filter(
    frames: Frames, server: ClickHouseServer, operator: str, value: str, left: list[int]
) -> None:
    server.command("CREATE TABLE IF NOT EXISTS filtered (a Int32, m Map(String, String)) ENGINE = Memory")
    server.command("TRUNCATE TABLE filtered")
    server.command(r"INSERT INTO filtered VALUES (1, {'k': 'x'}), (2, {'k': 'it\'s'}), (3, {'k': '\'\'\n'})")
    (frame,) = frames(
        "SELECT a FROM filtered SETTINGS $__adHocFilters('filtered')",
        adHocFilters=[{"key": "m['k']", "operator": operator, "value": value}],
    )
    assert frame.table.column("a").to_pylist() == left


TOTALS = "SELECT number % 2 AS k, count() AS v FROM numbers(5) GROUP BY k WITH TOTALS"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (TOTALS, ["WITH TOTALS"]),
        (f"SELECT * FROM ({TOTALS.replace(' TOTALS', '/**/totals')})", ["WITH TOTALS"]),
        ("SELECT 1 AS k SETTINGS extremes = 1", ["extremes"]),
        (f"{TOTALS} SETTINGS extremes = 1", ["WITH TOTALS", "extremes"]),
        ("SELECT 'WITH TOTALS', ' SETTINGS extremes = 1' -- WITH TOTALS", []),
        ("SELECT 1 SETTINGS extremes = 0", []),
    ],
)
def test_what_the_answer_leaves_out_is_told(frames: Frames, sql: str, told: list[str]) -> None:
    (frame,) = frames(sql)
    assert len(frame.notices) == len(told)
    for notice, word in zip(frame.notices, told, strict=True):
        assert word in notice.text


@pytest.mark.parametrize("name", ["time_series", "multi"])
def test_series_tell_it_too(frames: Frames, name: str) -> None:
    series = "SELECT toDateTime(number) AS t, count() AS v FROM numbers(5) GROUP BY t WITH TOTALS ORDER BY t"
    (frame,) = frames(series, format=name)
    assert frame.num_rows == 5
    assert "WITH TOTALS" in frame.notices[0].text


def test_extremes_of_the_data_sources_settings_are_told(host: Headwater, server: ClickHouseServer) -> None:
    custom = {"customSettings": [{"setting": "extremes", "value": "1"}]}
    host.add_data_source(name="ch", type="clickhouse", url=server.url, json_data=custom)
    assert "extremes" in host.query("ch", "SELECT 1").notices[0].text


def test_attributes_that_are_selected_twice_are_one_column_of_labels() -> None:
    attributes = pa.array([[("a", "1")]], pa.map_(pa.string(), pa.string()))
    names = ["Body", "LogAttributes", "Body", "LogAttributes"]
    table = pa.Table.from_arrays([pa.array(["x"]), attributes, pa.array(["y"]), attributes], names)
    merged = merge_attributes(Frame(table)).table
    assert merged.column_names == ["Body", "Body", "labels"]
    assert merged.column(2).to_pylist() == [[("LogAttributes.a", "1")]]
