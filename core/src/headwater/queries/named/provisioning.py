"""Named queries from files, beside data sources: keys `namedQueries` and `deleteNamedQueries`.

Nothing in them is looked up in the environment: a dollar sign of a query stays one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from headwater.datasources.documents import Document, Location, read_document
from headwater.datasources.provisioning import ProvisioningReport
from headwater.datasources.provisioning_files import files_of
from headwater.errors import HeadwaterError, NamedQueryNotFoundError, ValidationError

from .json_form import named_query_from
from .model import NamedQuery
from .service import NamedQueries

__all__ = ["NamedQueryPlan", "apply_named_queries", "read_named_queries"]


@frozen
class ProvisionedQuery:
    """One named query of a file. `location` says where it stands."""

    named: NamedQuery
    document: Document = field(repr=False, eq=False)
    location: Location = field(repr=False)

    def error(self, message: str, path: str = "") -> ValidationError:
        """A fault of the query, or of what stands at `path` in it."""
        return self.document.error((*self.location, *_parts(path)), message)


@frozen
class NamedQueryPlan:
    """What all files together ask for. `prune` deletes read-only named queries that no file names."""

    queries: tuple[ProvisionedQuery, ...] = ()
    deletions: tuple[str, ...] = ()
    prune: bool = False

    def editable(self) -> NamedQueryPlan:
        """The same without a hold on what is there: for an import rather than provisioning."""
        queries = (evolve(each, named=evolve(each.named, read_only=False)) for each in self.queries)
        return NamedQueryPlan(tuple(queries), self.deletions)


def read_named_queries(paths: Iterable[str | os.PathLike[str]]) -> NamedQueryPlan:
    """Reads files, and the files of directories. Raises DocumentError with file, line and column."""
    queries: list[ProvisionedQuery] = []
    deletions: list[str] = []
    prune = False
    for path in paths:
        for file in files_of(Path(path)):
            document = read_document(file)
            top = document.data
            if not isinstance(top, Mapping):
                continue  # the reader of data sources says what is wrong with it
            queries += (_query(document, index, item) for index, item in _items(document, "namedQueries"))
            deletions += (
                _deletion(document, index, item) for index, item in _items(document, "deleteNamedQueries")
            )
            prune = prune or top.get("prune") is True
    _refuse_twice(queries)
    return NamedQueryPlan(tuple(queries), tuple(deletions), prune)


def apply_named_queries(
    named_queries: NamedQueries, plan: NamedQueryPlan, by: str = "provisioning"
) -> ProvisioningReport:
    """Brings the store to what `plan` says; applying it again changes nothing. `by` is noted as who did.

    Raises DocumentError, before anything is written, for what the plugin or the host refuses; StoreError.
    """
    for each in plan.queries:
        _check(named_queries, each)
    deleted = [each for each in plan.deletions if _delete(named_queries, each)]
    if plan.prune:
        wanted = {each.named.id for each in plan.queries}
        gone = [each.id for each in named_queries.list() if each.read_only and each.id not in wanted]
        deleted += [each for each in gone if _delete(named_queries, each)]
    outcomes: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
    stored = {each.id: each.version for each in named_queries.list()}
    for each in plan.queries:
        before = stored.get(each.named.id, 0)
        saved = named_queries.save(each.named, by, force=True)
        outcome = "added" if not before else "updated" if saved.version != before else "unchanged"
        outcomes[outcome].append(saved.id)
    return ProvisioningReport(
        deleted=tuple(deleted), **{key: tuple(names) for key, names in outcomes.items()}
    )


def _check(named_queries: NamedQueries, provisioned: ProvisionedQuery) -> None:
    try:
        named_queries.check(provisioned.named)
    except ValidationError as error:
        raise provisioned.error(error.reason, error.path) from None
    except HeadwaterError as error:
        raise provisioned.error(str(error)) from error


def _query(document: Document, index: int, item: Any) -> ProvisionedQuery:
    location: Location = ("namedQueries", index)
    editable = False
    if isinstance(item, Mapping) and "editable" in item:
        editable = item["editable"] is True
        item = {key: value for key, value in item.items() if key != "editable"}
    try:
        named = named_query_from(item)
        return ProvisionedQuery(evolve(named, read_only=not editable), document, location)
    except ValidationError as error:
        raise document.error((*location, *_parts(error.path)), error.reason) from None


def _deletion(document: Document, index: int, item: Any) -> str:
    found = item.get("id") if isinstance(item, Mapping) else item
    if not isinstance(found, str) or not found:
        raise document.error(("deleteNamedQueries", index), "a deletion needs an id")
    return found


def _items(document: Document, key: str) -> Iterable[tuple[int, Any]]:
    items = document.data.get(key) or []
    if not isinstance(items, list):
        raise document.error((key,), "a list is expected")
    return enumerate(items)


def _parts(path: str) -> Location:
    """`parameters[0].name` as the way to it."""
    return tuple(int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path))


def _refuse_twice(queries: Iterable[ProvisionedQuery]) -> None:
    seen: dict[str, ProvisionedQuery] = {}
    for each in queries:
        other = seen.setdefault(each.named.id, each)
        if other is not each:
            place = other.document.position(other.location)
            raise each.error(f"id {each.named.id} is given already at {place}")


def _delete(named_queries: NamedQueries, id: str) -> bool:  # noqa: A002
    try:
        named_queries.remove(id, force=True)
    except NamedQueryNotFoundError:
        return False
    return True
