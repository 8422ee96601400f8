"""The catalog: data sources, their schemas, tables and columns, each asked for when it is opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from harlequin.adapter import HarlequinConnection
from harlequin.catalog import CatalogItem, InteractiveCatalogItem

from headwater import Headwater
from headwater.errors import HeadwaterError

__all__ = ["BrowsedConnection", "SourceItem", "browse"]

_METRICS = "api/v1/label/__name__/values"
_LABELS = "api/v1/labels"
_NAMESPACES = {"schemas": ("schema", "sch"), "databases": ("database", "db")}
"""Resources of plugins that have such, the parameter by which the others take one, and its label."""


def browse(headwater: Headwater, source: str, path: str, **asked: str) -> list[dict[str, Any]]:
    """The records of a resource of the data source; none where its plugin has no such resource."""
    with suppress(HeadwaterError, ValueError):
        answer = headwater.call_resource(source, path, query_string=urlencode(asked))
        if answer.status < 400:
            found = json.loads(answer.body)
            items = found.get("data", []) if isinstance(found, dict) else found
            return [item if isinstance(item, dict) else {"name": item} for item in items]
    return []


class BrowsedConnection(HarlequinConnection):
    """What the catalog needs of a connection: the host, and the data source that queries go to, if any."""

    headwater: Headwater
    source: str

    def reference(self, source: str, path: tuple[str, ...], *, within: bool = True) -> str:
        """How a query names what is at `path` in a data source: one that goes there, or one over all."""
        if source == self.source:
            kind = self.headwater.data_source(source).type
            return quoted(self.headwater.plugin_info(kind).identifier_quote, *path)
        return quoted('"', source, *path) if within else quoted('"', *path)


@dataclass
class _Item(InteractiveCatalogItem[BrowsedConnection]):
    """What is below a data source: `source` is its name, `path` the names from there on."""

    source: str = ""
    path: tuple[str, ...] = ()

    @property
    def asked(self) -> dict[str, str]:
        """What a resource has to be asked with, to tell what is below this item."""
        return {}

    def browse(self, path: str, **asked: str) -> list[dict[str, Any]]:
        assert self.connection is not None
        return browse(self.connection.headwater, self.source, path, **self.asked, **asked)

    def below(self, kind: type[_Item], name: str, **more: Any) -> Any:
        """An item of this kind."""
        assert self.connection is not None
        path = (*self.path, name)
        return kind(
            qualified_identifier=quoted('"', self.source, *path),
            query_name=self.connection.reference(self.source, path),
            label=name,
            connection=self.connection,
            source=self.source,
            path=path,
            **more,
        )


@dataclass
class SourceItem(_Item):
    """A data source."""

    @classmethod
    def of(cls, connection: BrowsedConnection, name: str, kind: str) -> SourceItem:
        """The one with this name, of the plugin `kind`."""
        name_quoted = quoted('"', name)
        return cls(name_quoted, name_quoted, name, "ds", type_name=kind, connection=connection, source=name)

    def fetch_children(self) -> Sequence[CatalogItem]:
        """Schemas or databases where there are several, else tables, else metrics."""
        for resource, (key, label) in _NAMESPACES.items():
            names = [str(each["name"]) for each in self.browse(resource)]
            if len(names) > 1:
                return [self.below(SchemaItem, name, type_label=label, key=key) for name in names]
        return _tables(self, self.browse("tables") or self.browse(_METRICS))


@dataclass
class SchemaItem(_Item):
    """A schema, or a database: `key` is what resources call it."""

    key: str = ""

    @property
    def asked(self) -> dict[str, str]:
        return {self.key: self.label}

    def fetch_children(self) -> Sequence[CatalogItem]:
        """Its tables."""
        return _tables(self, self.browse("tables"))


@dataclass
class TableItem(_Item):
    """A table, a view, or a metric; `within` is what its schema is asked with."""

    within: tuple[tuple[str, str], ...] = ()

    @property
    def asked(self) -> dict[str, str]:
        return dict(self.within)

    def fetch_children(self) -> Sequence[CatalogItem]:
        """Its columns; of a metric, its labels."""
        assert self.connection is not None
        found = self.browse("columns", table=self.label) or self.browse(_LABELS, **{"match[]": self.label})
        columns = []
        for each in found:
            name, kind = str(each["name"]), str(each.get("type") or "")
            column = self.below(_Item, name, type_label=_short(kind), type_name=kind or None, loaded=True)
            column.query_name = self.connection.reference(self.source, (name,), within=False)
            columns.append(column)
        return columns


def quoted(quote: str, *parts: str) -> str:
    """The parts, each between two `quote`, joined by dots."""
    return ".".join(f"{quote}{part.replace(quote, quote * 2) if quote else part}{quote}" for part in parts)


def _tables(parent: _Item, records: list[dict[str, Any]]) -> list[CatalogItem]:
    items = []
    for each in records:
        kind = str(each.get("kind") or "")
        label = "v" if "view" in kind.lower() else "t"
        within = tuple(parent.asked.items())
        items.append(
            parent.below(
                TableItem, str(each["name"]), type_label=label, type_name=kind or None, within=within
            )
        )
    return items


_SHORT = {
    "bool": "t/f", "timestamp": "ts", "datetime": "ts", "date": "d", "time": "t", "interval": "|-|",
    "int": "##", "uint": "##", "bigint": "##", "smallint": "##", "tinyint": "##", "mediumint": "##",
    "serial": "##", "float": "#.#", "double": "#.#", "real": "#.#", "decimal": "#.#", "numeric": "#.#",
    "blob": "0b", "bytea": "0b", "binary": "0b", "varbinary": "0b", "array": "[]", "list": "[]",
    "json": "{}", "map": "{}", "struct": "{}", "tuple": "{}",
}  # fmt: skip


def _short(kind: str) -> str:
    """What a column of this type holds, by how databases begin the type's name; text is `s`."""
    name = kind.lower().removeprefix("nullable(").removeprefix("lowcardinality(")
    fitting = [start for start in _SHORT if name.startswith(start)]
    return _SHORT[max(fitting, key=len)] if fitting else "s"
