"""`query --plot`, and the renderer behind it on data whose drawing is known."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from headwater_server.output.braille import Series, draw
from headwater_server.output.plot import series_of

Run = Callable[..., subprocess.CompletedProcess[str]]
MARGIN = 1  # of values with one digit


def series(name: str, values: list[float]) -> Series:
    return Series(name, np.arange(len(values), dtype=np.float64), np.array(values, dtype=np.float64))


def dots(line: str) -> int:
    return sum((ord(char) - 0x2800).bit_count() for char in line if 0x2800 <= ord(char) <= 0x28FF)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    legend, *drawing, span = draw([series("up", [0, 1, 2, 3, 4, 5, 6, 7])], 42)
    assert legend == "⠿ up"
    assert len(drawing) == 16
    assert drawing[0].startswith("7│")
    assert drawing[-1].startswith("0│")
    assert drawing[-1][MARGIN + 1] == "⡠"  # the lowest dot of the first column, the next one higher
    assert drawing[0][-1] == "⠊"
    assert span.split() == ["1970-01-01", "00:00:00", "1970-01-01", "00:00:07"]


def test_a_constant_is_one_level_line_through_the_middle() -> None:
    _, *drawing, _ = draw([series("flat", [5, 5, 5])], 42)
    assert [dots(line) for line in drawing].count(0) == 15
    assert sum(map(dots, drawing)) == 80


def test_a_peak_between_many_points_is_not_lost() -> None:
    values = np.zeros(100_000)
    values[50_000] = 1.0
    top = draw([series("peak", list(values))], 42)[1]
    assert dots(top) > 0


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_line_fits_the_terminal(width: int) -> None:
    lines = draw([series("a", [1.25, -3.5, 2]), series("b", [0, 1, 0])], width)
    assert max(map(len, lines)) == width


def test_the_legend_names_six_series_and_counts_the_rest() -> None:
    lines = draw([series(f"s{number}", [number, 1]) for number in range(8)], 80)
    assert lines[0] == "⠿ s0  ⠿ s1  ⠿ s2  ⠿ s3  ⠿ s4  ⠿ s5  and 2 more"


def test_colours_tell_series_apart_on_a_terminal() -> None:
    lines = draw([series("a", [0, 1]), series("b", [1, 0])], 40, colours=True)
    assert lines[0] == "\x1b[36m⠿ a\x1b[0m  \x1b[33m⠿ b\x1b[0m"
    assert "\x1b[36m" in lines[1]
    assert "\x1b[33m" in lines[1]


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    assert draw([series("\x1b[2J", [0, 1])], 40)[0] == r"⠿ \x1b[2J"


def test_nothing_to_draw_is_said() -> None:
    assert draw([series("empty", [])], 80) == ["There is nothing to draw: no value is a finite number."]


def test_text_columns_tell_series_apart_and_nulls_are_left_out() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    table = pa.table(
        {
            "time": pa.array([moment, moment, moment, None], pa.timestamp("ns", "UTC")),
            "city": ["Oslo", "Rome", "Oslo", "Rome"],
            "value": [1.0, 2.0, None, 3.0],
        }
    )
    found = {each.name: (list(each.times), list(each.values)) for each in series_of(table)}
    assert found == {"Oslo": ([moment.timestamp()], [1.0]), "Rome": ([moment.timestamp()], [2.0])}


@pytest.mark.usefixtures("demo")
def test_a_query_is_plotted_as_wide_as_the_terminal(headwater: Run) -> None:
    done = headwater(
        "query", "demo", "random_walk", "--set", "seriesCount=2", "--from", "0", "--to", "60000", "--plot",
        COLUMNS="60",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "⠿ walk-0  ⠿ walk-1"
    assert len(lines) == 18
    assert {len(line) for line in lines[1:]} == {60}
    assert "\x1b" not in done.stdout


@pytest.mark.usefixtures("demo")
def test_a_plot_without_times_or_beside_a_format_is_refused(headwater: Run) -> None:
    query = '{"scenario": "csv", "csvContent": "a\\n1\\n"}'
    done = headwater("query", "demo", query, "--plot")
    assert (done.returncode, "a column of times and one of numbers" in done.stderr) == (2, True)
    assert headwater("query", "demo", "random_walk", "--plot", "-o", "csv").returncode == 2


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_days_are_times_where_there_are_no_others(kind: pa.DataType) -> None:
    days = pa.array([0, 86_400_000], pa.date64()).cast(kind)
    [drawn] = series_of(pa.table({"day": days, "total": [1, 2]}))
    assert list(drawn.times) == [0.0, 86_400.0]
    [drawn] = series_of(pa.table({"day": days, "at": pa.array([5, 6], pa.timestamp("s")), "total": [1, 2]}))
    assert list(drawn.times) == [5.0, 6.0]
