"""Settings: strict, with defaults written once, and errors that name the key."""

from __future__ import annotations

from typing import Any

from headwater.errors import ValidationError
from headwater.host import Headwater
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .mending import mend

_UNKNOWN = "noSuchSettingForSure"
_LATER = "999999999"


class SettingsChecks(ConformanceBase):
    @mend("settings", "declare every key, and drop '*' from other_keys")
    def test_an_unknown_setting_is_refused_by_name(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        """When it is saved, if the plugin's schema says that it is complete, else at the first query."""
        changed = {"json_data": {**config.json_data, _UNKNOWN: 1}}
        error = self._refusal(
            headwater, config, "unknown-key", changed, f"the setting {_UNKNOWN!r} is unknown"
        )
        assert isinstance(error, ValidationError), f"The unknown setting {_UNKNOWN!r} gave {error!r}"
        assert _UNKNOWN in str(error), f"The error does not name the unknown setting: {error}"

    @mend("settings", "annotate every setting with the type that the schema declares")
    def test_a_setting_of_the_wrong_type_is_refused_by_name(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        """By the plugin itself: what is for a later version of it, hosts let pass."""
        schema = headwater.plugin_info(self.plugin_id).settings_schema
        for key, described in schema.get("properties", {}).items():
            if described.get("writeOnly") or (wrong := value_of_wrong_type(described)) is None:
                continue
            changed = {"json_data": {**config.json_data, key: wrong}, "api_version": _LATER}
            error = self._refusal(
                headwater, config, f"wrong-{key}", changed, f"{key} = {wrong!r} is of no such type"
            )
            assert isinstance(error, ValidationError), f"The setting {key} = {wrong!r} gave {error!r}"
            assert key in str(error), f"The error does not name the setting {key}: {error}"

    @mend("settings", "write each default once, in field(default=…), from which the schema is made")
    def test_the_defaults_of_the_schema_change_nothing(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        """Writing every default down gives the same answer as leaving all of them out."""
        schema = headwater.plugin_info(self.plugin_id).settings_schema
        defaults = {
            key: described["default"]
            for key, described in schema.get("properties", {}).items()
            if "default" in described and key not in config.json_data
        }
        plain = self.add(headwater, config, "plain")
        written = self.add(headwater, config, "written", json_data={**config.json_data, **defaults})
        answers = [self.ask(headwater, each, self.probes.simple) for each in (plain, written)]
        assert answers[0] == answers[1], f"The answer changes when the defaults {defaults} are written down"

    def _refusal(
        self, headwater: Headwater, config: DataSourceConfig, name: str, changed: dict[str, Any], fault: str
    ) -> Exception:
        try:
            source = self.add(headwater, config, name, **changed)
        except ValidationError as error:
            return error
        return self.error_of(headwater, source, self.probes.simple, fault)


def value_of_wrong_type(described: dict[str, Any]) -> Any:
    """A value that no JSON of this type is, None where any would do."""
    kinds: dict[str, Any] = {
        "string": {"not": "text"},
        "integer": {"not": "a number"},
        "number": {"not": "a number"},
        "boolean": {"not": "true or false"},
        "array": {"not": "a list"},
        "object": ["not an object"],
    }
    if "enum" in described:
        return {"not": "one of them"}
    return kinds.get(described.get("type", ""))
