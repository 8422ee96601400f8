from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from headwater import models
from headwater.errors import DownstreamAuthError, ErrorSource
from headwater.models import (
    CheckHealthResult,
    DataResponse,
    DataSourceInstanceSettings,
    HealthStatus,
    PluginContext,
    TimeRange,
)
from headwater.secrets import Secret

MODELS = [getattr(models, name) for name in models.__all__ if attrs.has(getattr(models, name))]
# The milliseconds of the years 1 to 9999.
MS = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models_are_frozen(model: Any) -> None:
    fields = attrs.fields(model)
    required: dict[str, Any] = {each.name: None for each in fields if each.default is attrs.NOTHING}
    if model is TimeRange:
        required = {"from_": datetime.now(UTC), "to": datetime.now(UTC)}
    instance = model(**required)
    name = fields[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(instance, name, None)


@given(MS, MS)
def test_milliseconds_survive_a_time_range(from_ms: int, to_ms: int) -> None:
    time_range = TimeRange.from_epoch_ms(from_ms, to_ms)
    assert (time_range.from_ms, time_range.to_ms) == (from_ms, to_ms)
    assert (time_range.from_s, time_range.to_s) == (from_ms // 1000, to_ms // 1000)
    assert time_range.duration == timedelta(milliseconds=to_ms - from_ms)


def test_a_time_range_counts_from_the_epoch_in_any_zone() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert TimeRange(noon, noon).from_ms == 1_704_103_200_000


def test_a_time_range_needs_time_zones() -> None:
    with pytest.raises(ValueError, match="to needs a time zone"):
        TimeRange(datetime.now(UTC), datetime(2024, 1, 1))  # noqa: DTZ001


def test_the_last_hour_ends_now() -> None:
    before = datetime.now(UTC)
    time_range = TimeRange.last(timedelta(hours=1))
    assert before <= time_range.to <= datetime.now(UTC)
    assert time_range.duration == timedelta(hours=1)


def test_settings_do_not_show_their_secrets() -> None:
    settings = DataSourceInstanceSettings(
        uid="u", name="n", type="t", decrypted_secure_json_data={"password": Secret("hunter2")}
    )
    context = PluginContext("t", data_source_instance_settings=settings)
    assert "hunter2" not in repr(context) + str(attrs.asdict(context))
    assert "password" not in repr(context)


def test_a_response_takes_status_and_source_from_its_error() -> None:
    response = DataResponse.from_error(DownstreamAuthError("wrong password"))
    assert (response.status, response.error_source) == (401, ErrorSource.DOWNSTREAM)


def test_health_has_two_short_forms() -> None:
    assert CheckHealthResult.ok("fine", version="8").details == {"version": "8"}
    assert CheckHealthResult.failed("down").status is HealthStatus.ERROR
