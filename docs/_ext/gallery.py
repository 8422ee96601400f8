"""A gallery of data sources, from what installed plugins say of themselves.

`python docs/_ext/gallery.py` prints that of an environment: install the plugins that it should show. The
committed page has those of this repository; `generated.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from headwater import Headwater
from headwater.models import PluginInfo
from headwater.plugins import PluginRecord, PluginState

_CAN = {
    "cancel": "stops at the source when cancelled",
    "inputs": "works on the answers to other queries",
    "parameters": "parameters",
    "partitions": "splits into read tasks",
    "progress": "progress",
    "pushdown": "columns and filters of SELECTs over sources",
    "resources": "schema browsing",
    "stream": "streams",
}


def gallery(plugins: Collection[str] = ()) -> str:
    """The page as Markdown: all installed plugins that can be used, or those of `plugins`."""
    with Headwater(allow_plugins=set(plugins) or None) as host:
        records = [each for each in host.load_plugins() if each.state is PluginState.READY]
        found = [(each, host.plugin_info(each.plugin_id)) for each in records]
    entries = sorted(found, key=lambda each: each[1].name.lower())
    return "\n\n".join(["# Gallery of data sources", _HEAD, *_sections(entries)]) + "\n"


_HEAD = """\
What each plugin says of itself; [settings and queries](settings.md) has all keys, and [support](support.md)
what the conformance kit found. `headwater plugin info ID` says it of the version that you have.

A plugin of yours appears in a page like this one once it is installed: `python docs/_ext/gallery.py` writes
the gallery of an environment."""


def _sections(entries: Iterable[tuple[PluginRecord, PluginInfo]]) -> Iterable[str]:
    for record, info in entries:
        can = [words for name, words in _CAN.items() if name in info.capabilities]
        yield f"## {info.name or info.id}"
        if info.description:
            yield info.description
        rows = [
            ("Install", f"`pip install {record.distribution}`"),
            ("Type", f"`{info.id}`" + "".join(f", `{each}`" for each in info.alias_ids)),
            ("Connects to", _connection(info)),
            ("Secrets", ", ".join(f"`{each}`" for each in info.secret_keys) or "none"),
            ("Can", ", ".join(can) or "queries"),
            ("Asked in", info.query_language or "query objects"),
        ]
        yield "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows)])
        for example in info.examples[:1]:
            query = json.dumps(dict(example.query), ensure_ascii=False, indent=2)
            yield f"{example.title}:\n\n```json\n{query}\n```"


def _connection(info: PluginInfo) -> str:
    if info.connection is None:
        return "what its settings say"
    return info.connection.get("url") or "; ".join(info.connection.values()) or "nothing: it needs no server"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(gallery(), end="")
