"""Reads data sources from files in Grafana's provisioning shape, completely, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import field, frozen

from headwater.errors import ValidationError
from headwater.secrets.secret import Secret

from .commands import AddDataSource
from .documents import Document, DocumentError, Location, read_document
from .fields import REQUEST_FIELDS
from .references import Resolver, UnresolvedReferenceError
from .sealed_file import SEALED_PREFIX, SealedFile
from .validation import validate

_TOP = ("apiVersion", "datasources", "deleteDatasources", "prune", "namedQueries", "deleteNamedQueries")
"""Named queries are for another reader: `headwater.queries.named`."""
SCALARS: Mapping[str, tuple[str, type]] = {
    **{each.key: (each.name, each.kind) for each in REQUEST_FIELDS if each.default is None},
    "uid": ("uid", str),
    **{each.key: (each.name, each.kind) for each in REQUEST_FIELDS if each.default is not None},
}
"""Attribute and type by key."""
_OTHER_FIELDS = ("orgId", "editable", "jsonData", "secureJsonData", "version", "orgName", "correlations")


@frozen
class Provisioned:
    """One data source of a file, complete. `location` says where it stands."""

    command: AddDataSource
    document: Document = field(repr=False, eq=False)
    location: Location = field(repr=False)

    def error(self, message: str, path: str = "") -> DocumentError:
        """A fault of the data source, or of what stands at `path` in it, such as `jsonData.port`."""
        return self.document.error((*self.location, *filter(None, path.split("."))), message)


@frozen
class ProvisioningPlan:
    """What all files together ask for. `prune` deletes read-only data sources that no file names."""

    data_sources: tuple[Provisioned, ...] = ()
    deletions: tuple[str, ...] = ()
    prune: bool = False


def read_plan(
    paths: Iterable[str | os.PathLike[str]],
    environ: Mapping[str, str] | None = None,
    *,
    seal: SealedFile | None = None,
) -> ProvisioningPlan:
    """Reads and checks files, and the files of directories. `seal` opens secrets that an export sealed.

    Raises DocumentError with file, line and column.
    """
    environ = os.environ if environ is None else environ
    plans = [
        _Reader(read_document(file), Resolver(environ, file.parent), seal).plan()
        for path in paths
        for file in files_of(Path(path))
    ]
    data_sources = tuple(each for plan in plans for each in plan.data_sources)
    _refuse_clashes(data_sources)
    return ProvisioningPlan(
        data_sources,
        tuple(name for plan in plans for name in plan.deletions),
        any(plan.prune for plan in plans),
    )


def files_of(path: Path) -> list[Path]:
    """`path`, or the files in it that can be read, by name."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml", ".toml", ".json"))


def _refuse_clashes(data_sources: Iterable[Provisioned]) -> None:
    """Two entries that both claim a name, a uid or to be the default would undo each other at every start."""
    seen: dict[tuple[str, str], Provisioned] = {}
    for each in data_sources:
        claims = [("name", each.command.name), ("uid", each.command.uid)]
        claims += [("isDefault", "true")] if each.command.is_default else []
        for key, value in claims:
            other = seen.setdefault((key, value), each)
            if value and other is not each:
                raise each.error(
                    f"{key} {value} is given already at {other.document.position(other.location)}"
                )


class _Reader:
    """Turns one document into a plan."""

    def __init__(self, document: Document, resolver: Resolver, seal: SealedFile | None) -> None:
        self._document = document
        self._resolver = resolver
        self._seal = seal

    def plan(self) -> ProvisioningPlan:
        top = self._document.data
        if top is None:
            return ProvisioningPlan()
        if not isinstance(top, dict):
            raise self._document.error((), "a data-source file is a mapping with the key `datasources`")
        self._refuse_unknown((), top, _TOP)
        top = _without_nulls(top)
        if top.get("apiVersion", 1) not in (0, 1):
            raise self._document.error(("apiVersion",), f"version {top['apiVersion']!r} is not known; use 1")
        return ProvisioningPlan(
            tuple(self._data_source(location, item) for location, item in self._items(top, "datasources")),
            tuple(self._deletion(location, item) for location, item in self._items(top, "deleteDatasources")),
            self._scalar(("prune",), top.get("prune", False), bool),
        )

    def _data_source(self, location: Location, item: dict[str, Any]) -> Provisioned:
        self._refuse_unknown(location, item, (*SCALARS, *_OTHER_FIELDS))
        self._require_first_organisation(location, item)
        values: dict[str, Any] = {
            attribute: self._scalar((*location, key), item[key], kind)
            for key, (attribute, kind) in SCALARS.items()
            if key in item
        }
        for required in ("name", "type"):
            if not values.get(required):
                raise self._document.error(location, f"a data source needs a {required}")
        command = AddDataSource(
            **values,
            read_only=not self._scalar((*location, "editable"), item.get("editable", False), bool),
            json_data=self._expand((*location, "jsonData"), self._mapping(location, item, "jsonData")),
            secure_json_data=self._secrets(location, item),
        )
        try:
            validate(command)
        except ValidationError as error:
            raise self._document.error((*location, error.path), error.reason) from None
        return Provisioned(command, self._document, location)

    def _secrets(self, location: Location, item: dict[str, Any]) -> dict[str, Secret]:
        return {
            name: self._sealed((*location, "secureJsonData", name), str(item.get("uid", "")), value)
            if isinstance(value, str) and value.startswith(SEALED_PREFIX)
            else Secret(self._scalar((*location, "secureJsonData", name), value, str))
            for name, value in _without_nulls(self._mapping(location, item, "secureJsonData")).items()
        }

    def _sealed(self, location: Location, uid: str, value: str) -> Secret:
        if self._seal is None:
            raise self._document.error(
                location, "the secret is sealed; give the key that it was exported with"
            )
        try:
            return self._seal.open(uid, str(location[-1]), value)
        except UnresolvedReferenceError as error:
            raise self._document.error(location, str(error)) from None

    def _deletion(self, location: Location, item: dict[str, Any]) -> str:
        self._refuse_unknown(location, item, ("name", "orgId"))
        self._require_first_organisation(location, item)
        name: str = self._scalar((*location, "name"), item.get("name", ""), str)
        if not name:
            raise self._document.error(location, "a deletion needs a name")
        return name

    def _items(self, top: Mapping[str, Any], key: str) -> Iterator[tuple[Location, dict[str, Any]]]:
        items = top.get(key) or []
        if not isinstance(items, list):
            raise self._document.error((key,), "a list is expected")
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise self._document.error((key, index), "a mapping is expected")
            yield (key, index), _without_nulls(item)

    def _mapping(self, location: Location, item: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = item.get(key) or {}
        if not isinstance(value, dict):
            raise self._document.error((*location, key), "a mapping is expected")
        return value

    def _scalar(self, location: Location, value: Any, kind: type) -> Any:
        value = self._expand(location, value)
        if kind is bool and value in ("true", "false"):  # what a reference yields is text
            return value == "true"
        if not isinstance(value, kind):
            hint = "; put it in quotes" if kind is str and isinstance(value, (int, float)) else ""
            wanted = "text" if kind is str else "true or false"
            raise self._document.error(location, f"{wanted} is expected, not {type(value).__name__}{hint}")
        return value

    def _expand(self, location: Location, value: Any) -> Any:
        try:
            if isinstance(value, str):
                return self._resolver.expand(value)
            resolved = self._resolver.resolve(value)
        except UnresolvedReferenceError as error:
            raise self._document.error(location, str(error)) from None
        if resolved is not value:
            return resolved
        if isinstance(value, dict):
            return {key: self._expand((*location, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._expand((*location, index), item) for index, item in enumerate(value)]
        return value

    def _refuse_unknown(self, location: Location, item: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in item:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise self._document.error((*location, key), f"unknown key{hint}")

    def _require_first_organisation(self, location: Location, item: Mapping[str, Any]) -> None:
        if item.get("orgId", 1) not in (0, 1):
            raise self._document.error((*location, "orgId"), "this host has one organisation, 1")


def _without_nulls(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` without the keys whose value is null, which says the same as leaving them out."""
    return {key: value for key, value in mapping.items() if value is not None}
