"""Meta and display config in Grafana's JSON, every key."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from headwater.frames import (
    DataLink,
    EnumConfig,
    FieldConfig,
    FrameDecodeError,
    FrameMeta,
    FrameType,
    Inspect,
    InternalLink,
    MappingType,
    Notice,
    Severity,
    Stat,
    Threshold,
    Thresholds,
    ThresholdsMode,
    TypeConfig,
    ValueMapping,
    Visualisation,
)

WHOLE_CONFIG = FieldConfig(
    display_name="CPU",
    display_name_from_ds="cpu",
    path="a/b",
    description="how busy",
    filterable=True,
    writeable=False,
    unit="percent",
    decimals=2,
    min=0,
    max=100,
    interval=1000,
    mappings=(ValueMapping(MappingType.SPECIAL, {"match": "null", "result": {"text": "none"}}),),
    thresholds=Thresholds(ThresholdsMode.ABSOLUTE, (Threshold(color="green"), Threshold(80, "red", "hot"))),
    color={"mode": "palette-classic"},
    links=(DataLink("go", True, "https://example.com", InternalLink({"expr": "up"}, "uid", "prom")),),
    no_value="-",
    type=TypeConfig(EnumConfig(("a", "b"), ("red",), ("icon",), ("first",))),
    custom={"width": 3},
)
WHOLE_META = FrameMeta(
    type=FrameType.LOG_LINES,
    type_version=(0, 1),
    path="p",
    path_separator="/",
    custom={"any": ["thing"]},
    stats=(Stat(1.5, FieldConfig(display_name="time", unit="s")),),
    notices=(Notice.warning("careful", link="/x", inspect=Inspect.STATS),),
    channel="ds/uid/path",
    preferred_visualisation_type=Visualisation.LOGS,
    preferred_visualisation_plugin_id="plugin",
    executed_query_string="SELECT 1",
    data_topic="annotations",
    unique_row_id_fields=(0, 2),
)


def test_every_key_of_meta_is_written_in_grafanas_order() -> None:
    assert list(WHOLE_META.to_json()) == [
        "type",
        "typeVersion",
        "path",
        "pathSeparator",
        "custom",
        "stats",
        "notices",
        "channel",
        "preferredVisualisationType",
        "preferredVisualisationPluginId",
        "executedQueryString",
        "dataTopic",
        "uniqueRowIdFields",
    ]


def test_every_key_of_a_field_config_is_written_in_grafanas_order() -> None:
    assert list(WHOLE_CONFIG.to_json()) == [
        "displayName",
        "displayNameFromDS",
        "path",
        "description",
        "filterable",
        "writeable",
        "unit",
        "decimals",
        "min",
        "max",
        "interval",
        "mappings",
        "thresholds",
        "color",
        "links",
        "noValue",
        "type",
        "custom",
    ]


def test_meta_and_config_come_back_from_json_as_they_were() -> None:
    assert FrameMeta.from_json(json.loads(json.dumps(WHOLE_META.to_json()))) == WHOLE_META
    assert FieldConfig.from_json(json.loads(json.dumps(WHOLE_CONFIG.to_json()))) == WHOLE_CONFIG


def test_what_is_empty_is_left_out_but_the_version_never() -> None:
    assert FrameMeta().to_json() == {"typeVersion": [0, 0]}
    assert FieldConfig().to_json() == {}
    assert FieldConfig(filterable=False, decimals=0, min=0).to_json() == {
        "filterable": False,
        "decimals": 0,
        "min": 0,
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_bound_without_a_number_is_null_and_null_is_minus_infinity(value: float) -> None:
    assert FieldConfig(min=value).to_json() == {"min": None}
    assert FieldConfig.from_json({"min": None}).min == -math.inf


def test_the_first_threshold_starts_at_null() -> None:
    assert Thresholds(steps=(Threshold(color="green"),)).steps[0].value == -math.inf
    config = FieldConfig(thresholds=Thresholds(steps=(Threshold(color="green"),)))
    assert config.to_json()["thresholds"] == {
        "mode": "absolute",
        "steps": [{"value": None, "color": "green"}],
    }


def test_notices_have_severity_text_and_a_place_to_look() -> None:
    assert WHOLE_META.to_json()["notices"] == [
        {"severity": "warning", "text": "careful", "link": "/x", "inspect": 4}
    ]
    assert Notice(text="plain").severity is Severity.INFO
    assert Notice.error("gone", inspect=Inspect.ERROR) == Notice(
        severity=Severity.ERROR, text="gone", inspect=Inspect.ERROR
    )


def test_unknown_keys_and_newer_values_are_tolerated() -> None:
    meta = FrameMeta.from_json({"type": "new-kind", "unknown": 1, "path": None})
    assert (meta.type, meta.path) == ("new-kind", "")
    assert FrameMeta.from_json({"notices": [{"inspect": 9}]}).notices[0].inspect is Inspect.NONE


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"notices": [{"severity": "loud"}]}, "meta.notices[0].severity"),
        ({"notices": [{}, {"text": 1}]}, "meta.notices[1].text"),
        ({"stats": [{"value": "x"}]}, "meta.stats[0].value"),
        ({"typeVersion": "0.1"}, "meta.typeVersion"),
        ({"uniqueRowIdFields": [True]}, "meta.uniqueRowIdFields[0]"),
        ([], "meta"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(FrameDecodeError) as caught:
        FrameMeta.from_json(value)
    assert caught.value.path == path
