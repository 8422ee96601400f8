"""The editors of packed plugins, rendered by Grafana's own packages in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import expect

from headwater import Headwater

from .conftest import Editors

pytestmark = pytest.mark.slow  # Grafana's packages are 470 MB

OpenEditors = Callable[[str], Editors]
PLUGINS = ("testdata", "mysql", "postgresql", "prometheus", "clickhouse")


@pytest.mark.parametrize("plugin_id", PLUGINS)
def test_the_configuration_has_a_field_for_each_setting_and_secret(
    plugin_id: str, open_editors: OpenEditors
) -> None:
    with Headwater() as headwater:
        info = headwater.plugin_info(plugin_id)
    editors = open_editors(plugin_id)
    editors.edit_config(jsonData={})
    expect(editors.page.get_by_role("group", name="Settings")).to_be_visible()
    fields = editors.page.locator("input, textarea").count()
    listed = {*info.settings_schema["properties"], *info.secret_keys}
    connection = 4 if info.connection is None else len(info.connection)
    others = 1 if info.settings_schema.get("patternProperties") else 0
    assert fields == len(listed) + connection + others


def test_settings_are_written_in_their_types(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.edit_config(jsonData={"maxOpenConns": 5})
    page = editors.page
    expect(editors.field("Max open conns")).to_have_value("5")
    editors.field("URL").fill("db.example:3306")
    editors.field("Max open conns").fill("7")
    editors.field("Connection timeout").fill("2.5")
    editors.field("Timezone").fill("Europe/Berlin")
    editors.field("Read only").click(force=True)
    editors.field("TLS mode").click()
    page.get_by_role("option", name="required").click()
    assert editors.state["url"] == "db.example:3306"
    assert editors.state["jsonData"] == {
        "maxOpenConns": 7, "connectionTimeout": 2.5, "timezone": "Europe/Berlin", "readOnly": False,
        "tlsMode": "required",
    }  # fmt: skip


def test_a_number_out_of_range_is_not_written(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.edit_config(jsonData={})
    field = editors.field("Max open conns")
    field.fill("-1")
    field.blur()
    expect(editors.page.get_by_text("Must be at least 0")).to_be_visible()
    assert editors.state["jsonData"] == {}


def test_an_emptied_field_leaves_the_plugins_default(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.edit_config(jsonData={"timezone": "UTC", "maxOpenConns": 5})
    for label in ("Timezone", "Max open conns"):
        editors.field(label).fill("")
        editors.field(label).blur()
    assert editors.state["jsonData"] == {}


def test_secrets_are_written_as_secure_fields_and_never_shown(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.edit_config(jsonData={}, secureJsonFields={"password": True})
    page = editors.page
    expect(editors.field("Password")).to_be_disabled()
    page.get_by_role("button", name="Reset").click()
    editors.field("Password").fill("s3cret")
    editors.field("TLS CA cert").fill("-----BEGIN CERTIFICATE-----")
    assert editors.state["secureJsonData"] == {
        "password": "s3cret",
        "tlsCACert": "-----BEGIN CERTIFICATE-----",
    }
    assert editors.state["secureJsonFields"]["password"] is False
    assert editors.state["jsonData"] == {}


def test_a_secret_of_a_family_gets_its_whole_name(open_editors: OpenEditors) -> None:
    editors = open_editors("clickhouse")
    editors.edit_config(jsonData={}, secureJsonFields={"secureHttpHeaders.X-Old": True})
    page = editors.page
    expect(editors.field("secureHttpHeaders.X-Old")).to_be_disabled()
    editors.field("Add a secret secureHttpHeaders.*").fill("X-Key")
    page.get_by_role("button", name="Add secureHttpHeaders.X-Key").click()
    editors.field("secureHttpHeaders.X-Key").fill("k")
    assert editors.state["secureJsonData"] == {"secureHttpHeaders.X-Key": "k"}


def test_settings_without_a_field_are_kept_and_edited_as_json(open_editors: OpenEditors) -> None:
    editors = open_editors("prometheus")
    editors.edit_config(jsonData={"httpMethod": "GET", "cacheLevel": "High"})
    others = editors.field("Other settings")
    expect(others).to_have_value('{\n  "cacheLevel": "High"\n}')
    others.fill('{"cacheLevel": "Low"')
    others.blur()
    expect(editors.page.get_by_text("Must be JSON")).to_be_visible()
    others.fill('{"cacheLevel": "Low"}')
    others.blur()
    assert editors.state["jsonData"] == {"httpMethod": "GET", "cacheLevel": "Low"}


def test_a_query_is_written_in_colours_of_its_language_and_runs_when_it_is_left(
    open_editors: OpenEditors,
) -> None:
    editors = open_editors("mysql")
    editors.edit_query(rawSql="SELECT 1 -- one")
    page = editors.page
    expect(page.locator(".view-line").first).to_have_text("SELECT 1 -- one".replace(" ", "\u00a0"))
    colours = "new Set([...document.querySelectorAll('.view-line span span')].map(e => e.className)).size"
    page.wait_for_function(f"{colours} >= 3")
    page.locator(".view-line").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("SELECT 2")
    editors.field("Format").click()
    assert (editors.state["rawSql"], page.evaluate("runs")) == ("SELECT 2", 1)


def test_macros_are_explained_and_suggested(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.edit_query(rawSql="")
    page = editors.page
    page.get_by_text("Macros", exact=True).click()
    expect(page.get_by_text("column BETWEEN FROM_UNIXTIME({from}) AND FROM_UNIXTIME({to})")).to_be_visible()
    page.locator(".view-lines").first.click()
    page.keyboard.type("SELECT ")
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget")).to_contain_text("$__timeFilter(column)")


def test_options_of_a_query_come_from_its_schema(open_editors: OpenEditors) -> None:
    editors = open_editors("testdata")
    editors.edit_query(scenario="random_walk")
    page = editors.page
    expect(editors.field("Scenario")).to_have_value("random_walk")
    page.get_by_text("Options", exact=True).click()
    editors.field("Rows").fill("12")
    editors.field("Rows").blur()
    editors.field("Types").fill("int64")
    page.keyboard.press("Enter")
    editors.field("Format").click()
    page.get_by_role("option", name="long").click()
    assert editors.state == {
        "refId": "A", "scenario": "random_walk", "rows": 12, "types": ["int64"], "format": "long",
    }  # fmt: skip


def test_a_query_goes_through_grafanas_backend_class_and_comes_back_as_frames(
    open_editors: OpenEditors,
) -> None:
    editors = open_editors("mysql")
    answer = editors.query(rawSql="SELECT id, city FROM shops ORDER BY id")
    assert answer["frames"] == [{"id": [1, 2, 3], "city": ["Bern", "L'Aquila", "Basel\\"]}]
    assert "Unknown column 'broken'" in editors.query(rawSql="SELECT broken")["error"]
    editors.complaints.clear()  # the browser's, of the status 400


def test_the_health_check_is_grafanas(open_editors: OpenEditors) -> None:
    assert open_editors("testdata").call("testDatasource")["message"] == "Test data is ready."


def test_values_of_variables_stay_values_in_sql(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    cities = ["L'Aquila", "Basel\\", "' OR 1=1 -- ", "\\' OR 1=1 -- "]
    editors.set_variable("city", cities, multi=True)
    several = editors.query(rawSql="SELECT city FROM shops WHERE city IN ($city) ORDER BY id")
    assert several["frames"] == [{"city": ["L'Aquila", "Basel\\"]}]
    for city, found in zip(cities, (["L'Aquila"], ["Basel\\"], [], []), strict=True):
        editors.set_variable("city", city)
        one = editors.query(rawSql="SELECT city FROM shops WHERE city = '$city'")
        assert one["frames"][0].get("city", []) == found


@pytest.mark.parametrize(
    ("plugin_id", "expression"),
    [
        ("mysql", "JSON_ARRAY($value)"),
        ("postgresql", "to_json(ARRAY[$value])"),
        ("clickhouse", "toJSONString([$value])"),
    ],
)
def test_any_value_of_a_variable_comes_back_from_the_database_as_it_was(
    plugin_id: str, expression: str, open_editors: OpenEditors
) -> None:
    values = [
        *map("".join, product("a'\\\"`%$;-\n\t ", repeat=2)),
        "Zürich",
        "☃",
        "\\\\'",
        "'; DROP TABLE x; -- ",
    ]
    editors = open_editors(plugin_id)
    editors.set_variable("value", values, multi=True)
    answer = editors.query(rawSql=f"SELECT {expression} AS seen", format="table")
    [seen] = answer["frames"][0]["seen"]
    assert (json.loads(seen) if isinstance(seen, str) else seen) == values


def test_values_of_variables_stay_values_in_promql(open_editors: OpenEditors) -> None:
    editors = open_editors("prometheus")
    editors.set_variable("job", ["a.b", 'c"d'], multi=True)
    assert editors.applied(expr='up{job=~"$job"}')["expr"] == 'up{job=~"(a\\\\.b|c\\"d)"}'
    editors.set_variable("job", 'c"d\\')
    assert editors.applied(expr='up{job="$job"}')["expr"] == 'up{job="c\\"d\\\\"}'


def test_variables_are_replaced_in_options_too(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    editors.set_variable("city", "Bern")
    answer = editors.query(rawSql="SELECT id FROM shops WHERE city = ?", params=["$city"])
    assert answer["frames"] == [{"id": [1]}]


def test_the_choices_of_a_variable_come_from_a_query(open_editors: OpenEditors) -> None:
    editors = open_editors("mysql")
    assert editors.call("metricFindQuery", "SELECT id, city FROM shops WHERE id < 3 ORDER BY id") == [
        {"text": "Bern", "value": "Bern"}, {"text": "L'Aquila", "value": "L'Aquila"},
    ]  # fmt: skip
    named = {"rawSql": "SELECT city AS __text, id AS __value FROM shops WHERE id = 1"}
    assert editors.call("metricFindQuery", named) == [{"text": "Bern", "value": "1"}]


def test_a_variable_is_edited_as_a_query_is(open_editors: OpenEditors) -> None:
    editors = open_editors("testdata")
    editors.edit_variable("csv")
    expect(editors.field("Scenario")).to_have_value("csv")
    editors.field("Scenario").fill("random_walk")
    editors.field("Scenario").blur()
    assert editors.state == {"scenario": "random_walk"}
    assert editors.page.evaluate("definition") == "random_walk"
