"""Pages of the reference that the code writes. After a change: `python docs/_ext/generated.py`.

They are committed, because they are read on code hosts too; a test compares them with the code.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from headwater import Headwater, errors
from headwater.models import PluginInfo
from headwater.testing.support import support_tables
from headwater_server.cli.main import main as command_line
from headwater_server.http.openapi import describe
from headwater_server.http.routes import operations
from headwater_server.settings.all_settings import all_settings

sys.path.insert(0, str(Path(__file__).parent))
from gallery import gallery

REFERENCE = Path(__file__).parents[1] / "reference"
PLUGINS = (
    "__expr__", "adbc", "bigquery", "clickhouse", "duckdb", "flightsql", "mysql", "postgresql", "prometheus",
    "rest", "snowflake", "sqlite", "testdata",
)  # fmt: skip


def support() -> str:
    """What the conformance kit found."""
    suites = json.loads((REFERENCE / "support.json").read_text())["suites"]
    return f"""# Support

What the [conformance kit](../how-to/check-a-plugin.md) found, check by check, for the plugins of this
repository against real servers. `nox -s support` writes this page and [the results](support.json) behind it.
Every run of the tests compares what it finds with them, and fails if they differ.

*full*: the checks below hold the plugin to it. *not implemented*: the source could, the plugin does not yet.
*unsupported*: the source has no such thing.

{support_tables(suites)}
"""


def settings() -> str:
    """Settings, secrets, query fields and macros of each plugin, from its own description."""
    parts = ["# Settings and queries of the plugins"]
    parts.append(
        "What each plugin says of itself: `jsonData`, `secureJsonData` (as secret), and fields of a query.\n"
        "`headwater plugin info ID` prints the same of the version you have. `*` in a key is any ending."
    )
    with Headwater(allow_plugins=set(PLUGINS)) as host:
        for plugin in PLUGINS:
            found = host.registry.plugin(plugin)
            assert found is not None, f"{plugin} is not installed"
            parts.extend(_plugin(found.info))
    return "\n\n".join(parts) + "\n"


def error_table() -> str:
    """Every error class with what clients see of it."""
    classes: list[type[errors.HeadwaterError]] = [errors.HeadwaterError, *_subclasses(errors.HeadwaterError)]
    rows = [
        [
            f"`{each.__name__}`", f"`{each.__mro__[1].__name__}`", f"`{each.message_id}`",
            str(each.status), str(each.source), "yes" if each.retryable else "",
        ]
        for each in classes
    ]  # fmt: skip
    return f"""# Errors

Every error that leaves the core is one of these, from `headwater.errors`
([Python reference](api/errors.md)). Message id and status are what HTTP clients see. An instance may carry
another status or source than its class: a database's own error, for example, can be the caller's fault.
`retryable` says whether the same call may succeed later, `position` where in the text of the query the
fault is, if the data source tells.

{_table(["Class", "Kind of", "Message id", "HTTP status", "Source", "Retryable"], rows)}
"""


def cli() -> str:
    """Commands with their arguments and options, from the program itself."""
    sections = "\n\n".join(_commands("headwater", command_line, None))
    return f"# Command line\n\n{sections}\n"


def configuration() -> str:
    """Every setting of a host with its three names."""
    rows = [
        [
            f"`{each.key}`", f"`{each.option}`" if each.option else "", f"`{each.variable}`",
            "" if each.default in (None, "", False) or not each.show_default else f"`{each.default}`",
            each.help or "",
        ]
        for each in all_settings()
    ]  # fmt: skip
    return f"""# Configuration

Every setting of a host: by a key of `headwater.toml`, by an option, or by a variable of the environment. An
option goes before a variable, that before the file, and that before the default. `headwater config show`
prints what holds and where each value is from; [Configure the host](../how-to/configure.md) shows how.

{_table(["Key", "Option", "Variable", "Default", "Meaning"], rows)}

In `headwater.toml` a setting of several values is a list, one with no value is `true` or `false`. In a
variable several values are divided by commas or spaces, paths as in `PATH`; `1`, `true`, `yes` and `on` turn
on what has no value. Empty counts as not set. Relative paths in the file start at its folder.

Two tables of the file are no settings of this kind: `[process_limits]`, what
[plugin processes](plugin-processes.md) may take, and `[oidc]`, who
[signs in with OpenID Connect](../how-to/sign-in-with-openid-connect.md).
"""


def http_operations() -> str:
    """The operations of the OpenAPI description."""
    rows = [
        [f"`{method.upper()}`", f"`{path}`", operation["summary"], _statuses(operation)]
        for path, methods in describe(operations(signs_in=True))["paths"].items()
        for method, operation in methods.items()
    ]
    return f"""# HTTP operations

All operations of the [HTTP API](http-api.md), from the OpenAPI 3.1 description that every host serves at
`/api/openapi.json`, which has the bodies too.

{_table(["Method", "Path", "What it does", "Statuses"], rows)}
"""


PAGES: Mapping[str, Callable[[], str]] = {
    "support.md": support,
    "settings.md": settings,
    "errors.md": error_table,
    "cli.md": cli,
    "configuration.md": configuration,
    "http-operations.md": http_operations,
    "gallery.md": lambda: gallery(PLUGINS),
}


def _plugin(info: PluginInfo) -> Iterator[str]:
    name = info.id.replace("_", r"\_")
    yield f"## {info.name or name}"
    yield f"{info.description}\n\nType `{info.id}`; capabilities: {', '.join(sorted(info.capabilities))}."
    if info.connection:
        yield f"### Connection of {name}"
        yield _table(["Field", "Meaning"], [[f"`{key}`", text] for key, text in info.connection.items()])
    yield f"### Settings of {name}"
    secrets = {key: {"type": "string", "writeOnly": True} for key in info.secret_keys}
    yield _properties(
        {**info.settings_schema, "properties": {**secrets, **info.settings_schema["properties"]}}
    )
    yield f"### Query of {name}"
    yield _properties(info.query_schema)
    if info.macros:
        yield f"### Macros of {name}"
        yield _table(
            ["Macro", "Becomes"], [[f"`{each.usage}`", f"`{each.expansion}`"] for each in info.macros]
        )


def _properties(schema: Mapping[str, Any]) -> str:
    return _table(["Key", "Type", "Default", "Secret", "Description"], list(_property_rows(schema, "", {})))


def _property_rows(schema: Mapping[str, Any], prefix: str, described: dict[str, str]) -> Iterator[list[str]]:
    """A row for each key, and under it rows for the keys of its objects: `a.b`, `a.*.b`, `a[].b`.

    `described`: where objects of a kind have been described; once is enough.
    """
    required = schema.get("required", ())
    for key, value in schema["properties"].items():
        default = (
            "*required*"
            if key in required
            else _code(value["default"])
            if value.get("default") not in (None, "")
            else ""
        )
        secret = "yes" if value.get("writeOnly") else ""
        path = f"{prefix}{key}"
        inner, where = _inner(value)
        known = described.setdefault(json.dumps(inner["properties"]), f"{path}{where}") if inner else ""
        seen = f" As `{known}`." if inner and known != f"{path}{where}" else ""
        yield [f"`{path}`", _type(value), default, secret, value.get("description", "") + seen]
        if inner and not seen:
            yield from _property_rows(inner, f"{path}{where}.", described)


def _inner(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The schema of the objects that a value is made of, and how their place is written."""
    if "properties" in schema:
        return schema, ""
    for key, where in (("additionalProperties", ".*"), ("items", "[]")):
        if isinstance(found := schema.get(key), Mapping) and "properties" in found:
            return found, where
    return None, ""


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(_code(each) for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    kind = str(schema.get("type", "any"))
    if kind == "array" and (item := schema.get("items")):
        kind = f"array of {_type(item)}"
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = (
        f" {low}…{high}" if low is not None and high is not None else f" ≥ {low}" if low is not None else ""
    )
    return kind + bounds


def _code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _subclasses(kind: type[errors.HeadwaterError]) -> Iterator[type[errors.HeadwaterError]]:
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from _subclasses(each)


def _commands(path: str, command: click.Command, parent: click.Context | None) -> Iterator[str]:
    with click.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent) as context:
        yield f"## `{path}`"
        yield inspect.cleandoc(command.help or command.short_help or "").replace("\b\n", "")
        yield (
            "```text\n"
            + path
            + "".join(f" {piece}" for piece in command.collect_usage_pieces(context))
            + "\n```"
        )
        options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
        records = [record for each in options if (record := each.get_help_record(context))]
        if rows := [[f"`{names}`", text] for names, text in records if "--help" not in names]:
            yield _table(["Option", "Meaning"], rows)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                if (child := command.get_command(context, name)) is not None and not child.hidden:
                    yield from _commands(f"{path} {name}", child, context)


def _statuses(operation: Mapping[str, Any]) -> str:
    return ", ".join(sorted(operation["responses"]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
