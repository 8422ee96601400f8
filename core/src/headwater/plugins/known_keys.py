"""Refuses keys that a plugin does not know, by name and with the nearest one that it knows, and settings of
another form or type than it takes.

What a plugin knows, its schemas say: those with `additionalProperties: false`, as the SDK makes them, are
complete. Others are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, cast

from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater.secrets.secret import Secret

from .text_patterns import check_text
from .value_types import check_values

#: What the host reads of every query, and what Grafana's editors add to theirs.
_COMMON_QUERY_KEYS = frozenset(
    {
        "refId", "datasource", "datasourceId", "intervalMs", "maxDataPoints", "queryType", "timeRange",
        "hide", "key", "editorMode", "editorType", "builderOptions", "rawQuery", "pluginVersion", "sql",
        "dataset", "table", "queryCachingTTL", "queryCachingStaleTTL",
    }
)  # fmt: skip
#: What a data source's settings say to the host, whatever its plugin.
_HOST_SETTINGS = frozenset({"cache"})
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")


def check_settings(
    info: PluginInfo, json_data: Mapping[str, Any], secrets: Mapping[str, Secret], written_for: str = ""
) -> None:
    """Check the keys of a data source's settings and secrets, types of values, and texts for which the schema
    has a `pattern`.

    Settings `written_for` a later version of the plugin than the installed one pass.

    :raises ValidationError: the path of the first unknown key or of a value that does not fit.
    """
    if is_later(written_for, info.version) or not _is_complete(info.settings_schema):
        return
    settings = without_host_settings(json_data)
    _check_object(info.settings_schema, settings, "jsonData", frozenset())
    check_values(info.settings_schema, settings, "jsonData")
    for name, secret in secrets.items():
        path = f"secureJsonData.{name}"
        if not any(fnmatchcase(name, known) for known in info.secret_keys):
            raise _unknown(path, name, info.secret_keys)
        if pattern := (_schema_of(name, info.settings_schema) or {}).get("pattern"):
            check_text(pattern, secret.reveal(), path)


def check_query(info: PluginInfo, query: Mapping[str, Any]) -> None:
    """Check the keys of a query that a person wrote.

    :raises ValidationError: the path of the first unknown key.
    """
    if _is_complete(info.query_schema):
        _check_object(info.query_schema, query, "", _COMMON_QUERY_KEYS)


def without_host_settings(json_data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that are for the plugin."""
    if _HOST_SETTINGS.isdisjoint(json_data):
        return json_data
    return {key: value for key, value in json_data.items() if key not in _HOST_SETTINGS}


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
    for key, item in value.items():
        inner = f"{path}.{key}" if path else key
        known = _schema_of(key, schema)
        if known is not None and not known.get("writeOnly"):
            _check_value(known, item, inner)
        elif key in also:
            continue
        elif known is not None:
            raise ValidationError("is a secret; it belongs into secureJsonData", path=inner)
        else:
            properties: Mapping[str, Any] = schema.get("properties", {})
            settings = (name for name, each in properties.items() if not each.get("writeOnly"))
            raise _unknown(inner, key, settings)


def _schema_of(key: str, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What `schema` says of the values of `key`; None if it does not know the key."""
    if (listed := schema.get("properties", {}).get(key)) is not None:
        return cast("Mapping[str, Any]", listed)
    families = schema.get("patternProperties", {}).items()
    matching = [described for pattern, described in families if re.search(pattern, key)]
    if not matching:
        return None
    return {name: rule for each in matching if each is not True for name, rule in each.items()}


def _check_value(schema: Mapping[str, Any], value: Any, path: str) -> None:
    if isinstance(value, str):
        if pattern := schema.get("pattern"):
            check_text(pattern, value, path)
    elif value is None or isinstance(value, int | float):
        return
    elif isinstance(value, Mapping) and isinstance(items := schema.get("additionalProperties"), Mapping):
        for key, item in value.items():
            _check_value(items, item, f"{path}.{key}")
    elif isinstance(value, Mapping) and _is_complete(schema):
        _check_object(schema, value, path, frozenset())
    elif isinstance(value, list | tuple) and isinstance(items := schema.get("items"), Mapping):
        for index, item in enumerate(value):
            _check_value(items, item, f"{path}[{index}]")


def _unknown(path: str, key: str, known: Iterable[str]) -> ValidationError:
    by_lower_case = {each.lower(): each for each in known}
    near = get_close_matches(key.lower(), by_lower_case, n=1)
    hint = f"; did you mean {by_lower_case[near[0]]!r}?" if near else ""
    return ValidationError(f"unknown key{hint}", path=path)
