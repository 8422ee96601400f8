"""Durations, intervals and relative times as Grafana's users write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from headwater.errors import ValidationError
from headwater.frames import (
    calculate_interval,
    format_interval,
    interval_from,
    parse_duration,
    parse_interval,
    parse_interval_string,
    parse_time,
    parse_time_range,
    round_interval,
)

NOW = datetime(2024, 5, 15, 12, 34, 56, 789_000, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("10us", 0.00001),
        ("-5s", -5),
        ("0", 0),
        ("1d", 86_400),
        ("2w", 1_209_600),
        ("1M", 2_629_800),
        ("1y", 31_557_600),
    ],
)
def test_durations_have_a_fixed_length(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "days"), [("1M", 31), ("1y", 365), ("2d", 2), ("1w", 7)])
def test_intervals_follow_the_calendar(text: str, days: int) -> None:
    assert parse_interval(text, now=NOW) == timedelta(days=days)


@pytest.mark.parametrize(
    "text", ["", "s", "1", "1x", "1h 2m", "1d2h", "--1s", "١s", "999999999y", "9" * 18 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_duration(text)
    with pytest.raises(ValidationError):
        parse_interval(text)


@pytest.mark.parametrize(("text", "seconds"), [(">10s", 10), ("<1m", 60), ("15", 15), (" 2m ", 120)])
def test_settings_may_hold_comparisons_and_bare_seconds(text: str, seconds: int) -> None:
    assert parse_interval_string(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (timedelta(days=800), "2y"),
        (timedelta(days=364), "364d"),
        (timedelta(minutes=90), "1h"),
        (timedelta(seconds=61), "1m"),
        (timedelta(milliseconds=1500), "1s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(microseconds=1), "1ms"),
        (timedelta(0), "1ms"),
    ],
)
def test_intervals_are_written_in_their_largest_unit(interval: timedelta, text: str) -> None:
    assert format_interval(interval) == text


@given(st.integers(1, 59), st.sampled_from(["ms", "s", "m"]))
def test_a_written_interval_reads_back(count: int, unit: str) -> None:
    assert format_interval(parse_duration(f"{count}{unit}")) == f"{count}{unit}"


def test_the_most_specific_interval_wins() -> None:
    default = timedelta(seconds=15)
    assert interval_from("1m", "5s", 7_000, default) == timedelta(seconds=5)
    assert interval_from("1m", "", 7_000, default) == timedelta(seconds=7)
    assert interval_from("1m", "", 0, default) == timedelta(minutes=1)
    assert interval_from("", "", 0, default) == default


@pytest.mark.parametrize(
    ("milliseconds", "rounded"),
    [
        (1, 1),
        (10, 1),
        (11, 10),
        (15, 10),
        (16, 20),
        (75, 50),
        (1_500, 1_000),
        (1_501, 2_000),
        (12_500, 10_000),
        (90_000, 60_000),
        (1_050_000, 900_000),
        (5_400_000, 3_600_000),
        (86_400_000, 43_200_000),
        (172_800_000, 86_400_000),
        (604_800_000, 86_400_000),
        (1_814_400_000, 604_800_000),
        (1_814_400_001, 2_592_000_000),
        (63_072_000_000, 31_536_000_000),
    ],
)
def test_intervals_are_rounded_to_familiar_steps(milliseconds: int, rounded: int) -> None:
    assert round_interval(timedelta(milliseconds=milliseconds)) == timedelta(milliseconds=rounded)


def test_an_interval_is_calculated_for_a_number_of_points() -> None:
    assert calculate_interval(timedelta(hours=6), 1_000) == timedelta(seconds=20)
    assert calculate_interval(timedelta(hours=6), 1_000, timedelta(minutes=1)) == timedelta(minutes=1)
    assert calculate_interval(timedelta(hours=1), 0) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        ("now", "2024-05-15T12:34:56.789", None),
        ("now-1h", "2024-05-15T11:34:56.789", None),
        ("now-1h30m", "2024-05-15T11:04:56.789", None),
        ("now+2d", "2024-05-17T12:34:56.789", None),
        ("now-1M", "2024-04-15T12:34:56.789", None),
        ("now/s", "2024-05-15T12:34:56", "2024-05-15T12:34:56.999"),
        ("now/m", "2024-05-15T12:34:00", "2024-05-15T12:34:59.999"),
        ("now/h", "2024-05-15T12:00:00", "2024-05-15T12:59:59.999"),
        ("now/d", "2024-05-15T00:00:00", "2024-05-15T23:59:59.999"),
        ("now-1d/d", "2024-05-14T00:00:00", "2024-05-14T23:59:59.999"),
        ("now/d+6h", "2024-05-15T06:00:00", "2024-05-16T05:59:59.999"),
        ("now/w", "2024-05-12T00:00:00", "2024-05-18T23:59:59.999"),
        ("now/M", "2024-05-01T00:00:00", "2024-05-31T23:59:59.999"),
        ("now/Q", "2024-04-01T00:00:00", "2024-06-30T23:59:59.999"),
        ("now-1y/y", "2023-01-01T00:00:00", "2023-12-31T23:59:59.999"),
        ("1700000000123", "2023-11-14T22:13:20.123", None),
        ("-1", "1969-12-31T23:59:59.999", None),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05", None),
        ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05", None),
        ("2024-01-02", "2024-01-02T00:00:00", None),
    ],
)
def test_times_are_read_and_rounded(text: str, down: str, up: str | None) -> None:
    assert parse_time(text, now=NOW) == datetime.fromisoformat(down).replace(tzinfo=UTC)
    rounded_up = datetime.fromisoformat(up or down).replace(tzinfo=UTC)
    assert parse_time(text, now=NOW, round_up=True) == rounded_up


def test_days_are_those_of_the_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_time("now/d", now=NOW, zone=berlin) == datetime(2024, 5, 14, 22, tzinfo=UTC)
    after_change = datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert parse_time("now-1d", now=after_change, zone=berlin) == datetime(2024, 3, 30, 13, tzinfo=UTC)
    assert parse_time("now-24h", now=after_change, zone=berlin) == datetime(2024, 3, 30, 12, tzinfo=UTC)


def test_weeks_start_when_told() -> None:
    assert parse_time("now/w", now=NOW, week_start=0) == datetime(2024, 5, 13, tzinfo=UTC)


def test_a_month_keeps_the_day_or_takes_its_last() -> None:
    leap = datetime(2024, 3, 31, tzinfo=UTC)
    assert parse_time("now-1M", now=leap) == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "nowish", "now-", "now-1", "now-1x", "now/", "now/x", "now-9999y", "yesterday", "9" * 18, "now 1h"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="invalid time"):
        parse_time(text, now=NOW)


def test_a_range_has_a_start_before_its_end() -> None:
    time_range = parse_time_range("now-1d/d", "now-1d/d", now=NOW)
    assert time_range.duration == timedelta(days=1) - timedelta(milliseconds=1)
    with pytest.raises(ValidationError, match="ends before it starts"):
        parse_time_range("now", "now-1h", now=NOW)


@given(st.text(max_size=20) | st.from_regex(r"now([+-][0-9]{0,3}[a-zQM]|/[a-z]){0,4}", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert parse_time(text, now=NOW).tzinfo is UTC
    except ValidationError:
        return


@pytest.mark.parametrize(
    ("bare", "steps"), [("5m", "now-5m"), ("7d", "now-7d"), ("1h30m", "now-1h30m"), ("1M", "now-1M")]
)
def test_a_bare_duration_is_that_long_ago(bare: str, steps: str) -> None:
    assert parse_time(bare, now=NOW) == parse_time(steps, now=NOW)


@pytest.mark.parametrize("text", ["m", "5", "-5x", "5m ago", "5m-", "5f"])
def test_what_only_resembles_a_duration_is_refused_or_milliseconds(text: str) -> None:
    if text == "5":
        assert parse_time(text) == datetime(1970, 1, 1, microsecond=5_000, tzinfo=UTC)
        return
    with pytest.raises(ValidationError, match="invalid time"):
        parse_time(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "first_month", "start"),
    [
        ("now/fy", 1, datetime(2024, 1, 1, tzinfo=UTC)),
        ("now/fy", 2, datetime(2024, 2, 1, tzinfo=UTC)),
        ("now/fy", 7, datetime(2023, 7, 1, tzinfo=UTC)),
        ("now-1fy/fy", 7, datetime(2022, 7, 1, tzinfo=UTC)),
        ("now/fQ", 1, datetime(2024, 4, 1, tzinfo=UTC)),
        ("now/fQ", 2, datetime(2024, 5, 1, tzinfo=UTC)),
        ("now/fQ", 12, datetime(2024, 3, 1, tzinfo=UTC)),
        ("now-1fQ/fQ", 12, datetime(2023, 12, 1, tzinfo=UTC)),
    ],
)
def test_fiscal_years_and_quarters_begin_with_their_month(
    text: str, first_month: int, start: datetime
) -> None:
    assert parse_time(text, now=NOW, fiscal_year_start=first_month) == start


def test_a_fiscal_range_ends_with_its_last_millisecond() -> None:
    fiscal = parse_time_range("now/fy", "now/fy", now=NOW, fiscal_year_start=7)
    assert fiscal.from_ == datetime(2023, 7, 1, tzinfo=UTC)
    assert fiscal.to == datetime(2024, 7, 1, tzinfo=UTC) - timedelta(milliseconds=1)


@pytest.mark.parametrize(("text", "seconds"), [("1M", 2_629_800), ("1y", 31_557_600), (">2w", 1_209_600)])
def test_an_interval_in_settings_has_the_same_length_every_day(text: str, seconds: int) -> None:
    assert parse_interval_string(text) == timedelta(seconds=seconds)
