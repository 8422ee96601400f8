"""What a data source is, for somebody who is to write queries for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from headwater import Headwater
from headwater.calls import CallContext
from headwater.datasources import DataSource
from headwater.errors import HeadwaterError, MethodNotImplementedError
from headwater.models import PluginInfo, User

__all__ = ["describe_data_source"]

_MOST_NAMES = 200
_LONGEST_WORD = 200
_METRICS = "api/v1/label/__name__/values"
_LABELS = "api/v1/labels"


def describe_data_source(
    headwater: Headwater, stored: DataSource, table: str, context: CallContext, user: User
) -> dict[str, Any]:
    """Language, macros and examples, and what there is to ask: tables, a table's columns, or metrics.

    Raises the data source's errors. Neither addresses nor settings are in it.
    """
    info = headwater.plugin_info(stored.type)
    described: dict[str, Any] = {"dataSource": stored.uid, "name": stored.name, "type": info.name or info.id}
    if not table:
        described |= _language(info)
    kind, found = _contents(headwater, stored, table, context, user)
    described[kind] = found[:_MOST_NAMES]
    if len(found) > _MOST_NAMES:
        described["leftOut"] = (
            f"{len(found) - _MOST_NAMES:,} of {len(found):,} {kind}; query the data source's own catalogue "
            "with a filter to see others"
        )
    return described


def _language(info: PluginInfo) -> dict[str, Any]:
    macros = [{"macro": macro.usage, "means": macro.expansion} for macro in info.macros]
    examples = [{"title": each.title, "query": dict(each.query)} for each in info.examples]
    return {
        "queryLanguage": info.query_language,
        "queryText": info.query_text_key,
        "description": info.description,
        "macros": macros,
        "examples": examples,
    }


def _contents(
    headwater: Headwater, stored: DataSource, table: str, context: CallContext, user: User
) -> tuple[str, Sequence[Any]]:
    def ask(path: str, parameters: Mapping[str, str]) -> list[Any]:
        answer = headwater.call_resource(
            stored.uid, path, query_string=urlencode(parameters), context=context, user=user
        )
        if answer.status >= 400:
            words = answer.body[:_LONGEST_WORD].decode(errors="replace")
            raise HeadwaterError(f"{path}: HTTP {answer.status}: {words}")
        found = orjson.loads(answer.body)
        items = found["data"] if isinstance(found, dict) and "data" in found else found
        return [_narrow(item) for item in items]

    try:
        if table:
            return "columns", ask("columns", {"table": table})
        return "tables", ask("tables", {})
    except MethodNotImplementedError:
        pass
    try:
        if table:
            return "labels", ask(_LABELS, {"match[]": table})
        return "metrics", ask(_METRICS, {})
    except MethodNotImplementedError:
        return "tables", []


def _narrow(item: Any) -> Any:
    """A name alone where there is nothing else; long comments are cut."""
    if not isinstance(item, dict):
        return str(item)[:_LONGEST_WORD]
    told = {
        str(key): str(value)[:_LONGEST_WORD] if isinstance(value, str) else value
        for key, value in item.items()
        if value not in (None, "", False, [], {})
    }
    return told["name"] if set(told) == {"name"} else told
