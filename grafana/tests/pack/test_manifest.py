"""What Grafana reads of a packed plugin before it starts anything."""

from __future__ import annotations

from datetime import date

import pytest

from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater_grafana.pack.manifest import grafana_id, manifest

INFO = PluginInfo(
    id="my_shop",
    name="My shop",
    version="1.2.3",
    description="Orders of the shop.",
    query_language="mysql",
    capabilities=frozenset({"stream", "logs", "traces"}),
)


def described(info: PluginInfo = INFO) -> dict[str, object]:
    return dict(manifest(info, "acme-myshop-datasource", updated=date(2026, 1, 31)))


def test_the_id_has_the_form_that_grafana_demands() -> None:
    assert grafana_id("my_shop", "Acme Inc.") == "acmeinc-myshop-datasource"


@pytest.mark.parametrize("vendor", ["", "---", "ÄÖ"])
def test_a_vendor_that_cannot_be_in_an_id_is_refused(vendor: str) -> None:
    with pytest.raises(ValidationError, match="vendor-name-datasource"):
        grafana_id("my_shop", vendor)


def test_what_the_plugin_can_do_are_flags() -> None:
    flags = {
        key: described()[key]
        for key in ("backend", "alerting", "annotations", "streaming", "logs", "tracing", "metrics")
    }
    assert flags == dict.fromkeys(flags, True)


def test_what_the_plugin_cannot_do_is_not_promised() -> None:
    plain = described(PluginInfo(id="plain", name="Plain"))
    assert (plain["streaming"], plain["logs"], plain["tracing"]) == (False, False, False)
    assert plain["category"] == "other"


def test_a_plugin_that_names_what_it_is_for_is_offered_for_nothing_else() -> None:
    events = described(PluginInfo(id="events", capabilities=frozenset({"logs", "annotations"})))
    assert (events["logs"], events["annotations"]) == (True, True)
    assert (events["metrics"], events["alerting"]) == (False, False)


def test_the_executable_is_named_after_the_plugin() -> None:
    assert described()["executable"] == "gpx_my_shop"


@pytest.mark.parametrize(
    ("version", "semantic"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1.2rc1", "1.2.0-rc1"),
        ("1.2.3.dev4+g1", "1.2.3-dev4-g1"),
        ("", "0.0.0"),
    ],
)
def test_versions_are_semantic_ones(version: str, semantic: str) -> None:
    info = described(PluginInfo(id="plain", version=version))["info"]
    assert isinstance(info, dict)
    assert info["version"] == semantic
