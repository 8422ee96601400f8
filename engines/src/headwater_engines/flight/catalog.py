"""What data sources hold, as their plugins' resources tell: schemas, tables, columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import pyarrow as pa
from attrs import frozen

from headwater import Headwater
from headwater.datasources import DataSource
from headwater.errors import HeadwaterError, MethodNotImplementedError
from headwater.logs import get_logger

from .access import Call
from .column_types import arrow_type
from .errors import refused
from .statements import find_source

# Prometheus' own API: metrics stand where others have tables, and labels where they have columns.
_METRICS: Final = "api/v1/label/__name__/values"
_LABELS: Final = "api/v1/labels"

NAMED_QUERIES: Final = ("named queries", "")
"""The catalog and schema in which they are listed."""
NAMED_QUERY_TYPE: Final = "NAMED QUERY"

Records = list[dict[str, Any]]


@frozen
class Table:
    catalog: str
    schema: str
    name: str
    type: str


class Catalog:
    """Data sources are catalogs, by name: those that the caller may query. The named queries that it may run
    stand in a catalog of their own."""

    def __init__(self, headwater: Headwater, call: Call) -> None:
        self._headwater = headwater
        self._call = call

    def names(self) -> list[str]:
        names = [each.name for each in self._sources(None)]
        return [*names, NAMED_QUERIES[0]] if self._named_queries(None) else names

    def schemas(self, catalog: str | None, pattern: str | None) -> list[tuple[str, str]]:
        """Catalog and schema of each; the schema is empty where a data source has none."""
        found = [
            (source.name, schema)
            for source in self._sources(catalog)
            for schema in self._ask_all(source, catalog, self._schemas)
        ]
        if self._named_queries(catalog):
            found.append(NAMED_QUERIES)
        return [each for each in found if matches(each[1], pattern)]

    def tables(
        self, catalog: str | None, schema: str | None, name: str | None, types: list[str]
    ) -> Iterator[Table]:
        for source in self._sources(catalog):
            for found in self._ask_all(source, catalog, lambda each: self._tables(each, schema)):
                if matches(found.name, name) and (not types or found.type in types):
                    yield found
        if matches(NAMED_QUERIES[1], schema) and (not types or NAMED_QUERY_TYPE in types):
            for id_ in self._named_queries(catalog):
                if matches(id_, name):
                    yield Table(*NAMED_QUERIES, id_, NAMED_QUERY_TYPE)

    def columns(self, table: Table) -> pa.Schema:
        """The columns of `table`, with types as near as their names tell; none if they cannot be had, nor of
        a named query, which would have to run for it."""
        if table.type == NAMED_QUERY_TYPE:
            return pa.schema([])
        source = find_source(self._headwater, self._call, table.catalog)
        try:
            try:
                records = self._ask(source, "columns", database=table.schema, table=table.name)
            except MethodNotImplementedError:
                records = self._ask(source, _LABELS, **{"match[]": table.name})
        except HeadwaterError as error:
            self._log(source, error)
            return pa.schema([])
        return pa.schema(
            pa.field(
                str(each["name"]),
                arrow_type(str(each.get("type", "string"))),
                nullable=bool(each.get("nullable", True)),
                metadata={"ARROW:FLIGHT:SQL:TYPE_NAME": str(each.get("type", ""))},
            )
            for each in records
        )

    def _sources(self, catalog: str | None) -> list[DataSource]:
        if catalog == NAMED_QUERIES[0]:
            return []
        if catalog:
            return [find_source(self._headwater, self._call, catalog)]
        return [each for each in self._headwater.list_data_sources() if self._call.may_query(each.uid)]

    def _named_queries(self, catalog: str | None) -> list[str]:
        """The ids of those that the caller may run, unless another catalog is meant."""
        if catalog and catalog != NAMED_QUERIES[0]:
            return []
        return [each.id for each in self._headwater.named_queries.list() if self._call.may_run(each.id)]

    def _ask_all(self, source: DataSource, catalog: str | None, ask: Any) -> Any:
        """One data source that is down must not hide the others, unless it is the one that was asked for."""
        try:
            return ask(source)
        except HeadwaterError as error:
            if catalog:
                raise
            self._log(source, error)
            return []

    def _schemas(self, source: DataSource) -> list[str]:
        try:
            return [str(each["name"]) for each in self._ask(source, "databases")]
        except MethodNotImplementedError:
            return [""]

    def _tables(self, source: DataSource, schema: str | None) -> list[Table]:
        found = []
        for name in self._schemas(source):
            if matches(name, schema):
                try:
                    records = self._ask(source, "tables", database=name)
                except MethodNotImplementedError:
                    records = [{**each, "kind": "metric"} for each in self._ask(source, _METRICS)]
                found += [Table(source.name, name, str(each["name"]), _type(each)) for each in records]
        return found

    def _ask(self, source: DataSource, path: str, **query: str) -> Records:
        """The resource's list of records; names alone become records."""
        self._call.note("datasources:resource", source.uid)
        answer = self._headwater.call_resource(
            source.uid, path, query_string=urlencode(query), context=self._call.context, user=self._call.user
        )
        if answer.status >= 400:
            raise refused(f"{path}: the data source {source.name!r} answered {answer.status}.")
        found = _list_of(answer.body)
        if found is None:
            raise refused(f"{path}: the data source {source.name!r} answered with no list of names.")
        return found

    def _log(self, source: DataSource, error: HeadwaterError) -> None:
        get_logger("headwater.flight").warning(
            "A data source is left out of a list of tables.", data_source=source.uid, reason=str(error)
        )


def _list_of(body: bytes) -> Records | None:
    """The records of an answer; None if it is none, a proxy's page say."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    items = found["data"] if isinstance(found, dict) and "data" in found else found
    if not isinstance(items, list):
        return None
    records = [item if isinstance(item, dict) else {"name": item} for item in items]
    return records if all("name" in record for record in records) else None


def matches(text: str, pattern: str | None) -> bool:
    """Whether `text` fits a pattern of SQL's LIKE; anything fits none."""
    if pattern is None:
        return True
    first, *others = (re.escape(part).replace("_", ".") for part in pattern.split("%"))
    # Each part between two % is sought once, from the left: groups that give nothing back keep that short.
    expression = first + "".join(f"(?>.*?{part})" for part in others[:-1])
    expression += f".*{others[-1]}" if others else ""
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _type(record: dict[str, Any]) -> str:
    kind = str(record.get("kind") or "table").upper()
    return "TABLE" if kind == "BASE TABLE" else kind
