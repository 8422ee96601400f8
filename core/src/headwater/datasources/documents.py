"""Reads YAML, TOML and JSON files into plain data that remembers where each value stands."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from headwater.errors import ValidationError

if TYPE_CHECKING:
    import yaml

Location = tuple[str | int, ...]
"""The way to a value from the top of a document: keys and indexes."""

_STDIN = Path("-")
_MAX_NODES = 100_000
_PLAIN_TAGS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


class DocumentError(ValidationError):
    """A fault in a file. The message begins with `file:line:column:`, as far as they are known; both from
    1."""

    def __init__(self, message: str, file: Path, line: int | None = None, column: int | None = None) -> None:
        self.file = file
        self.line = line
        self.column = column
        position = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{position}: {message}")


@frozen
class Document:
    """`marks` gives the line and column of values, for formats that tell (YAML and JSON)."""

    file: Path
    data: Any
    marks: Mapping[Location, tuple[int, int]] = field(factory=dict, repr=False)

    def error(self, location: Location, message: str) -> DocumentError:
        """A fault at `location`, or at the nearest known location around it."""
        line, column = self._mark(location)
        where = format_location(location)
        return DocumentError(f"{where}: {message}" if where else message, self.file, line, column)

    def position(self, location: Location) -> str:
        """`file:line:column` of `location`, as far as known."""
        return ":".join(str(part) for part in (self.file, *self._mark(location)) if part is not None)

    def _mark(self, location: Location) -> tuple[int | None, int | None]:
        known = next((location[:n] for n in range(len(location), -1, -1) if location[:n] in self.marks), None)
        return self.marks[known] if known is not None else (None, None)


def format_location(location: Location) -> str:
    """`datasources[0].jsonData.port`"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def read_document(file: Path) -> Document:
    """The content of a `.yaml`, `.yml`, `.json` or `.toml` file; for `-`, YAML or JSON from stdin.

    Raises DocumentError.
    """
    try:
        data = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 (byte {error.start})", file) from None
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file) from error
    if file.suffix == ".toml":
        try:
            return Document(file, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise DocumentError(f"not TOML: {error}", file) from None
    if file == _STDIN or file.suffix in (".yaml", ".yml", ".json"):
        return _read_yaml(text, file)
    raise DocumentError("the name of a data-source file ends in .yaml, .yml, .json or .toml", file)


def _read_yaml(text: str, file: Path) -> Document:
    try:
        import yaml
    except ImportError:
        raise DocumentError("reading YAML needs PyYAML: pip install 'headwater[yaml]'", file) from None
    try:
        return _compose(yaml.SafeLoader(text), file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise DocumentError(f"not YAML: {error.problem or error.context}", file, *position) from None
    except yaml.YAMLError as error:
        raise DocumentError(f"not YAML: {str(error).splitlines()[0]}", file) from None
    except RecursionError:
        raise DocumentError("not usable: nested too deep", file) from None


def _compose(loader: yaml.SafeLoader, file: Path) -> Document:
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(file, None)
        reader = _YamlReader(loader, file)
        return Document(file, reader.value(node, ()), reader.marks)
    finally:
        loader.dispose()


class _YamlReader:
    """Builds plain values from YAML nodes, keeping their locations, and refuses what YAML lets pass silently:
    a key that is given twice, and aliases that multiply."""

    def __init__(self, loader: yaml.SafeLoader, file: Path) -> None:
        self.marks: dict[Location, tuple[int, int]] = {}
        self._loader = loader
        self._file = file
        self._seen = 0

    def value(self, node: yaml.Node, location: Location) -> Any:
        import yaml

        self._seen += 1
        if self._seen > _MAX_NODES:
            raise self._error(node, f"more than {_MAX_NODES} values")
        if len(location) > 50:
            raise self._error(node, "nested more than 50 deep")
        self.marks[location] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            raise self._error(node, f"the tag {node.tag} is not allowed")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        return self._scalar(node, location)

    def _scalar(self, node: yaml.Node, location: Location) -> str | int | float | bool | None:
        """The plain value of `node`. YAML also takes dates and bytes for values, which JSON has none of."""
        shown = "the secret" if "secureJsonData" in location else repr(str(node.value)[:40])
        kind = node.tag.rpartition(":")[2]
        try:
            value = self._loader.construct_object(node, deep=True)
        except (ValueError, KeyError, AttributeError, OverflowError):  # PyYAML's, for what a tag does not fit
            raise self._error(node, f"{shown} is no valid {kind}; put it in quotes to have text") from None
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise self._error(node, f"{shown} is a {kind}, which JSON has not; put it in quotes to have text")

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        own: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in own:
                raise self._error(key_node, f"the key {key!r} is given twice")
            own.add(key)
        self._loader.flatten_mapping(node)
        return {
            str(key_node.value): self.value(item, (*location, str(key_node.value)))
            for key_node, item in node.value
        }

    def _error(self, node: yaml.Node, message: str) -> DocumentError:
        return DocumentError(message, self._file, node.start_mark.line + 1, node.start_mark.column + 1)
