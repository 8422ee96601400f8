"""Refuses keys that a plugin does not know, by name and with the nearest one that it knows.

What a plugin knows, its schemas say: those with `additionalProperties: false`, as the SDK makes them, are
complete. Others are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from headwater.errors import ValidationError
from headwater.models import PluginInfo

#: What the host reads of every query, and what Grafana's editors add to theirs.
_COMMON_QUERY_KEYS = frozenset(
    {
        "refId", "datasource", "datasourceId", "intervalMs", "maxDataPoints", "queryType", "timeRange",
        "hide", "key", "editorMode", "editorType", "builderOptions", "rawQuery", "pluginVersion", "sql",
        "dataset", "table",
    }
)  # fmt: skip
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")


def check_settings(
    info: PluginInfo, json_data: Mapping[str, Any], secret_names: Iterable[str], written_for: str = ""
) -> None:
    """Check the keys of a data source's settings and secrets.

    Settings `written_for` a later version of the plugin than the installed one pass.

    :raises ValidationError: the path of the first unknown key.
    """
    if is_later(written_for, info.version) or not _is_complete(info.settings_schema):
        return
    _check_object(info.settings_schema, json_data, "jsonData", frozenset())
    for name in secret_names:
        if not any(fnmatchcase(name, known) for known in info.secret_keys):
            raise _unknown(f"secureJsonData.{name}", name, info.secret_keys)


def check_query(info: PluginInfo, query: Mapping[str, Any]) -> None:
    """Check the keys of a query that a person wrote.

    :raises ValidationError: the path of the first unknown key.
    """
    if _is_complete(info.query_schema):
        _check_object(info.query_schema, query, "", _COMMON_QUERY_KEYS)


def is_later(version: str, than: str) -> bool:
    """Whether `version` and `than` are dotted numbers and `version` is the later one."""
    if not (_VERSION.fullmatch(version) and (base := _VERSION.match(than))):
        return False
    return [*map(int, version.split("."))] > [*map(int, base[0].split("."))]


def _is_complete(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties") is False


def _check_object(
    schema: Mapping[str, Any], value: Mapping[str, Any], path: str, also: frozenset[str]
) -> None:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for key, item in value.items():
        if key in properties and not properties[key].get("writeOnly"):
            if isinstance(item, Mapping | list | tuple):
                _check_value(properties[key], item, f"{path}.{key}" if path else key)
        elif key not in also:
            _check_unlisted(schema, properties, key, f"{path}.{key}" if path else key)


def _check_unlisted(schema: Mapping[str, Any], properties: Mapping[str, Any], key: str, path: str) -> None:
    """`key` is a secret, or fits a pattern, or is unknown."""
    if key in properties:
        raise ValidationError("is a secret; it belongs into secureJsonData", path=path)
    if not any(re.search(pattern, key) for pattern in schema.get("patternProperties", ())):
        raise _unknown(path, key, (name for name, each in properties.items() if not each.get("writeOnly")))


def _check_value(schema: Mapping[str, Any], value: Any, path: str) -> None:
    if isinstance(value, Mapping) and _is_complete(schema):
        _check_object(schema, value, path, frozenset())
    elif isinstance(value, list | tuple) and isinstance(items := schema.get("items"), Mapping):
        for index, item in enumerate(value):
            _check_value(items, item, f"{path}[{index}]")


def _unknown(path: str, key: str, known: Iterable[str]) -> ValidationError:
    by_lower_case = {each.lower(): each for each in known}
    near = get_close_matches(key.lower(), by_lower_case, n=1)
    hint = f"; did you mean {by_lower_case[near[0]]!r}?" if near else ""
    return ValidationError(f"unknown key{hint}", path=path)
