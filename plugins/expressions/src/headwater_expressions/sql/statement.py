"""What a statement reads: DuckDB's own parser says so. Its tree is walked, checked, and made SQL again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from headwater_expressions.errors import sql_failed

__all__ = ["Statement", "TableRef"]

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:(ANALYZE)\s+)?", re.IGNORECASE)

#: Table functions that read nothing but their arguments.
_PURE = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
#: Functions that tell of the engine's settings or of the process.
_REFUSED = frozenset(
    {"current_setting", "getvariable", "getenv", "write_log", "pg_sleep", "set_config", "current_query"}
)

#: A name at the start of a text, in quotes or not.
_NAME = re.compile(r'"((?:[^"]|"")+)"|([^\s(".]+)')

Scope = frozenset[str]


@frozen
class TableRef:
    """A table that a statement reads: `A`, `shop.orders`, or `shop('SELECT 1')`, whose arguments are texts.

    `arguments` is None for a name without parentheses.
    """

    path: tuple[str, ...]
    arguments: tuple[str, ...] | None
    node: dict[str, Any] = field(repr=False, eq=False)

    @property
    def name(self) -> str:
        return ".".join(self.path)


@frozen
class Statement:
    """One SELECT and the tables that it reads. `explain` is empty, `explain` or `analyze`."""

    tree: dict[str, Any] = field(repr=False)
    tables: tuple[TableRef, ...]
    explain: str = ""

    @classmethod
    def parse(cls, text: str, serialize: Callable[[str], str]) -> Statement:
        """`serialize` is DuckDB's `json_serialize_sql`.

        Raises QueryRequestError for anything but one SELECT, and for what reaches beyond its tables.
        """
        explain = ""
        if (match := _EXPLAIN.match(text)) is not None:
            explain = "analyze" if match[1] else "explain"
            text = re.sub(r"\S", " ", match[0]) + text[match.end() :]  # places in it stay
        tree = json.loads(serialize(text))
        if tree["error"]:
            if tree["error_type"] == "not implemented":
                raise sql_failed("Only SELECT statements can be run.")
            raise sql_failed(f"SQL is not valid: {tree['error_message']}{_place(text, tree.get('position'))}")
        if len(tree["statements"]) != 1:
            raise sql_failed("Give one SELECT statement.")
        return cls(tree, tuple(_tables(tree["statements"][0]["node"], text)), explain)

    def rename(self, names: Mapping[int, str]) -> str:
        """The tree as JSON, in which the table at place `index` of `tables` is called `names[index]`.

        Each keeps the name by which its columns are qualified.
        """
        for index, table in enumerate(self.tables):
            node = table.node
            renamed = {
                "type": "BASE_TABLE",
                "alias": node["alias"] or table.path[-1],
                "sample": node["sample"],
                "query_location": node["query_location"],
                "schema_name": "",
                "table_name": names[index],
                "column_name_alias": node["column_name_alias"],
                "catalog_name": "",
                "at_clause": None,
                "qualified_name": {"path": [names[index]]},
            }
            node.clear()
            node.update(renamed)
        return json.dumps(self.tree)


def _tables(root: dict[str, Any], text: str) -> Iterator[TableRef]:
    """References to tables that no WITH of the statement makes. Raises QueryRequestError."""
    pending: list[tuple[Any, Scope]] = [(root, frozenset())]
    while pending:
        node, scope = pending.pop()
        if isinstance(node, list):
            pending += [(item, scope) for item in reversed(node)]
            continue
        if not isinstance(node, dict):
            continue
        if (ctes := node.get("cte_map")) and ctes["map"]:
            scope = _with_ctes(ctes["map"], scope, pending)
            node = {key: value for key, value in node.items() if key != "cte_map"}
        if node.get("type") == "RECURSIVE_CTE_NODE":
            scope |= {str(node["cte_name"]).lower()}
        if (table := _table(node, scope, text)) is not None:
            yield table
            continue
        pending += [(value, scope) for value in reversed(node.values()) if isinstance(value, dict | list)]


def _with_ctes(entries: list[dict[str, Any]], scope: Scope, pending: list[tuple[Any, Scope]]) -> Scope:
    """The scope of the query behind WITH. Each of its parts sees those before it."""
    for entry in entries:
        pending.append((entry["value"], scope))
        scope |= {str(entry["key"]).lower()}
    return scope


def _table(node: dict[str, Any], scope: Scope, text: str) -> TableRef | None:
    match node.get("type"):
        case "BASE_TABLE" if node.get("at_clause") is not None:
            raise sql_failed("AT is not supported: the tables have no versions.")
        case "BASE_TABLE":
            path = tuple(
                str(part) for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part
            )
            if len(path) == 1 and path[0].lower() in scope:
                return None
            return TableRef(path, None, node)
        case "TABLE_FUNCTION":
            function = node["function"]
            path = tuple(
                str(part)
                for part in (function.get("catalog"), function.get("schema"), function["function_name"])
                if part
            )
            if path[-1].lower() in _PURE:
                return None
            path = (*path[:-1], _as_written(path[-1], text, node["query_location"]))
            return TableRef(path, _texts(path, function), node)
        case "SHOW_REF":
            raise sql_failed("SHOW, DESCRIBE and SUMMARIZE are not supported; select from the tables.")
    if node.get("class") == "FUNCTION" and str(node["function_name"]).lower() in _REFUSED:
        raise sql_failed(f"The function {node['function_name']} is not allowed.")
    return None


def _as_written(name: str, text: str, place: int) -> str:
    """The name of a function with its capitals, which the parser makes small; `place` counts bytes."""
    match = _NAME.match(text.encode()[place:].decode(errors="ignore"))
    written = "" if match is None else (match[2] or match[1].replace('""', '"'))
    return written if written.lower() == name.lower() else name


def _texts(path: tuple[str, ...], function: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments of a table function."""
    arguments = function.get("arguments") or function.get("children") or []
    texts = []
    for argument in arguments:
        literal = argument.get("expression", argument).get("literal") or {}
        if literal.get("kind") != "STRING":
            raise sql_failed(f"{'.'.join(path)}(…) takes texts in quotes: a query in its own language.")
        texts.append(str(literal["text"]))
    return tuple(texts)


def _place(text: str, position: str | None) -> str:
    if position is None or not position.isdigit():
        return ""
    before = text.encode()[: int(position)].decode(errors="ignore")
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"
