"""A key that a plugin does not know passes nowhere in silence, unless a client of Grafana sent it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater.datasources import provision
from headwater.datasources.documents import DocumentError
from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater.plugins import check_query, check_settings, is_later
from headwater.sdk import ONE_LINE
from headwater.secrets import Secret


@pytest.fixture
def headwater() -> Any:
    with Headwater(allow_plugins=["testdata"]) as host:
        yield host


class TestSettings:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"json_data": {"sede": 3}}, "jsonData.sede: unknown key; did you mean 'seed'?"),
            ({"json_data": {"SEED": 3}}, "jsonData.SEED: unknown key; did you mean 'seed'?"),
            ({"json_data": {"zzz": 3}}, "jsonData.zzz: unknown key"),
            ({"json_data": {"apiKey": "x"}}, "jsonData.apiKey: is a secret; it belongs into secureJsonData"),
            (
                {"secure_json_data": {"apiKye": "x"}},
                "secureJsonData.apiKye: unknown key; did you mean 'apiKey'?",
            ),
        ],
    )
    def test_an_unknown_one_is_refused_when_it_is_saved(
        self, headwater: Headwater, fields: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            headwater.add_data_source("d", type="testdata", **fields)
        assert str(caught.value) == message
        headwater.add_data_source("d", type="testdata")
        with pytest.raises(ValidationError) as caught:
            headwater.update_data_source("d", **fields)
        assert str(caught.value) == message

    def test_removing_a_secret_that_is_unknown_is_no_fault(self, headwater: Headwater) -> None:
        headwater.add_data_source("d", type="testdata")
        headwater.update_data_source("d", secure_json_data={"apiKye": ""})

    def test_those_for_a_later_version_of_the_plugin_are_kept_and_ignored(self, headwater: Headwater) -> None:
        later: dict[str, Any] = {"json_data": {"seed": 3, "fromTheFuture": 1}, "api_version": "99.1"}
        stored = headwater.add_data_source("d", type="testdata", **later)
        assert stored.json_data == later["json_data"]
        assert headwater.query("d", "random_walk").num_rows > 0

    def test_a_provisioning_file_is_refused_whole_with_the_line(
        self, headwater: Headwater, tmp_path: Path
    ) -> None:
        file = tmp_path / "sources.yaml"
        file.write_text(
            "datasources:\n"
            "  - {name: good, type: testdata}\n"
            "  - name: bad\n"
            "    type: testdata\n"
            "    jsonData:\n"
            "      sede: 3\n"
        )
        with pytest.raises(DocumentError) as caught:
            provision(headwater.data_sources, [file])
        assert str(caught.value) == (
            f"{file}:6:13: datasources[1].jsonData.sede: unknown key; did you mean 'seed'?"
        )
        assert headwater.store.list() == []

    def test_a_type_that_is_not_installed_yet_can_be_provisioned(
        self, headwater: Headwater, tmp_path: Path
    ) -> None:
        file = tmp_path / "sources.json"
        file.write_text(json.dumps({"datasources": [{"name": "n", "type": "oracle", "jsonData": {"a": 1}}]}))
        provision(headwater.data_sources, [file])
        assert headwater.store.list()[0].json_data == {"a": 1}

    def test_those_inside_others_are_checked_too(self) -> None:
        inner = {"type": "object", "properties": {"port": {}}, "additionalProperties": False}
        info = PluginInfo(
            "p",
            settings_schema={
                "properties": {
                    "proxy": inner,
                    "hosts": {"type": "array", "items": inner},
                    "free": {"type": "object"},
                },
                "patternProperties": {"^header.*$": True},
                "additionalProperties": False,
            },
        )
        check_settings(
            info, {"proxy": {"port": 1}, "hosts": [{"port": 1}], "free": {"x": 1}, "header1": 1}, {}
        )
        with pytest.raises(
            ValidationError, match=r"jsonData.hosts\[1\].prot: unknown key; did you mean 'port'"
        ):
            check_settings(info, {"hosts": [{}, {"prot": 1}]}, {})

    def test_a_schema_that_is_not_complete_refuses_nothing(self) -> None:
        check_settings(
            PluginInfo("p", settings_schema={"properties": {"a": {}}}), {"b": 1}, {"c": Secret("d")}
        )


class TestTypes:
    info = PluginInfo(
        "p",
        settings_schema={
            "properties": {
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
                "ratio": {"type": "number"},
                "secure": {"type": "boolean"},
                "name": {"type": "string"},
                "mode": {"enum": ["auto", "on"]},
                "hosts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"port": {"type": "integer"}}},
                },
                "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
                "either": {"anyOf": [{"type": "integer"}, {"type": "array"}]},
            },
            "additionalProperties": False,
        },
    )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"count": "x"}, "count: expected a whole number, got text"),
            ({"count": True}, "count: expected a whole number, got a boolean"),
            ({"count": 1.5}, "count: expected a whole number, got a number"),
            ({"count": float("inf")}, "count: expected a whole number, got a number"),
            ({"count": 0}, "count: must be at least 1, got 0"),
            ({"count": "10"}, "count: must be at most 9, got 10"),
            ({"ratio": [1]}, "ratio: expected a number, got a list"),
            ({"secure": "maybe"}, "secure: expected true or false, got text"),
            ({"name": {"a": 1}}, "name: expected text, got an object"),
            ({"name": False}, "name: expected text, got a boolean"),
            ({"mode": "off"}, "mode: expected one of 'auto', 'on'"),
            ({"hosts": "a"}, "hosts: expected a list, got text"),
            ({"hosts": [{}, {"port": "x"}]}, "hosts[1].port: expected a whole number, got text"),
            ({"limits": 3}, "limits: expected an object, got a number"),
            ({"limits": {"rows": "x"}}, "limits.rows: expected a whole number, got text"),
        ],
    )
    def test_a_value_of_another_type_is_refused(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError) as caught:
            check_settings(self.info, settings, {})
        assert str(caught.value) == f"jsonData.{message}"

    @pytest.mark.parametrize(
        "settings",
        [
            {"count": 9, "ratio": 0.5, "secure": True, "name": "n", "mode": "on", "limits": {"rows": 5}},
            {"count": "3", "ratio": "1e3", "secure": "TRUE", "name": 2024, "hosts": [{"port": 1.0}]},
            {"count": None, "ratio": "", "secure": "", "mode": "", "either": "its plugin knows"},
        ],
    )
    def test_what_clients_write_for_numbers_truth_and_defaults_passes(self, settings: dict[str, Any]) -> None:
        check_settings(self.info, settings, {})


class TestTextsOfASetForm:
    info = PluginInfo(
        "p",
        settings_schema={
            "properties": {
                "host": {"type": "string", "pattern": ONE_LINE},
                "colour": {"type": "string", "pattern": "^(red|green)$"},
                "token": {"type": "string", "writeOnly": True, "pattern": ONE_LINE},
            },
            "patternProperties": {
                "^tag.*$": {"type": "string", "pattern": ONE_LINE},
                "^k.*$": True,
                "^key.*$": {"type": "string", "writeOnly": True, "pattern": ONE_LINE},
            },
            "additionalProperties": False,
        },
        secret_keys=("token", "key*"),
    )

    @pytest.mark.parametrize("text", ["", "plain", "tab\tbed", "pässword €", "日本"])
    def test_one_line_may_hold_anything_that_is_printed(self, text: str) -> None:
        check_settings(self.info, {"host": text, "tag1": text}, {"token": Secret(text)})

    @pytest.mark.parametrize("text", ["a\n", "a\r\nX: 1", "\x00", "\x7f", "\x85"])
    @pytest.mark.parametrize("key", ["host", "tag1", "token", "key1"])
    def test_a_control_character_is_refused_by_name(self, key: str, text: str) -> None:
        is_secret = key in ("token", "key1")
        settings, secrets = ({}, {key: Secret(text)}) if is_secret else ({key: text}, {})
        with pytest.raises(ValidationError) as caught:
            check_settings(self.info, settings, secrets)
        place = "secureJsonData" if is_secret else "jsonData"
        assert str(caught.value) == f"{place}.{key}: holds a line break or another control character"

    def test_other_patterns_are_named(self) -> None:
        check_settings(self.info, {"colour": "red"}, {})
        with pytest.raises(ValidationError, match="does not fit the pattern"):
            check_settings(self.info, {"colour": "blue"}, {})

    def test_a_secret_of_a_family_does_not_pass_as_a_setting(self) -> None:
        with pytest.raises(ValidationError, match=r"jsonData.key1: is a secret"):
            check_settings(self.info, {"key1": "x"}, {})


class TestQueries:
    @pytest.mark.parametrize("method", ["query", "query_frames", "stream"])
    def test_an_unknown_key_from_a_person_is_refused(self, headwater: Headwater, method: str) -> None:
        headwater.add_data_source("d", type="testdata")
        with pytest.raises(ValidationError) as caught:
            getattr(headwater, method)("d", {"scenraio": "random_walk"})
        assert str(caught.value) == "scenraio: unknown key; did you mean 'scenario'?"

    def test_a_query_copied_from_grafana_is_taken(self, headwater: Headwater) -> None:
        headwater.add_data_source("d", type="testdata")
        copied = {"scenario": "random_walk", "refId": "B", "hide": False, "editorMode": "code"}
        assert headwater.query("d", copied).num_rows > 0

    def test_one_from_a_client_of_grafana_is_ignored(self, headwater: Headwater) -> None:
        uid = headwater.add_data_source("d", type="testdata").uid
        query = {"datasource": {"uid": uid}, "scenario": "random_walk", "scenraio": 1}
        answer = headwater.query_data({"queries": [query], "from": "now-5m", "to": "now"})
        assert answer.responses["A"].error is None

    def test_a_plugin_without_a_schema_takes_any(self) -> None:
        check_query(PluginInfo("p"), {"anything": 1})


@pytest.mark.parametrize(
    ("version", "than", "later"),
    [
        ("1.2", "1.1.9", True),
        ("1.10", "1.9", True),
        ("1.1", "1.1", False),
        ("1.0", "1.1", False),
        ("v1", "0.1", False),
        ("", "0.1", False),
        ("2", "1.0.dev3", True),
        ("2", "", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, than: str, later: bool) -> None:
    assert is_later(version, than) is later
