"""`module.js`: the editors that Grafana shows, made from what a plugin says of itself.

Plain AMD against the modules that Grafana gives to plugins, so that packing needs neither node nor a bundler.
"""

from __future__ import annotations

import json
from importlib.resources import files
from string import Template

from headwater.models import PluginInfo

__all__ = ["logo_svg", "module_js"]

_PARTS = ("fields", "config_editor", "query_editor", "variables", "data_source")
_MODULE = Template("""\
/* Made by headwater grafana-pack. */
define(
['react', 'rxjs', '@grafana/data', '@grafana/runtime', '@grafana/ui'],
(React, rxjs, data, runtime, ui) => {
'use strict';
const info = $info;

$parts
const plugin = new data.DataSourcePlugin(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setVariableQueryEditor(VariableQueryEditor);
return { plugin };
});
""")


def module_js(info: PluginInfo) -> str:
    """The script of a plugin with its schemas in it."""
    described = {
        "queryTextKey": info.query_text_key,
        "queryLanguage": info.query_language,
        "querySchema": info.query_schema,
        "settingsSchema": info.settings_schema,
        "secretKeys": info.secret_keys,
        "connection": info.connection,
        "macros": [{"usage": macro.usage, "expansion": macro.expansion} for macro in info.macros],
    }
    folder = files(__package__) / "frontend"
    parts = [(folder / f"{part}.js").read_text("utf-8") for part in _PARTS]
    return _MODULE.substitute(info=json.dumps(described, indent=2), parts="\n".join(parts))


def logo_svg(name: str) -> str:
    """A plain logo with a plugin's initial, until its author has a better one."""
    initial = next((letter for letter in name.upper() if letter.isalnum() and letter.isascii()), "H")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        '<rect width="64" height="64" rx="12" fill="#1f6f8b"/>'
        '<text x="32" y="46" text-anchor="middle" font-family="sans-serif" font-size="40" fill="#fff">'
        f"{initial}</text></svg>\n"
    )
