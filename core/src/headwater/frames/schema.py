"""Grafana's keys in Arrow metadata: a schema carries name, refId and meta, a field its labels and config."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from . import json_text
from .errors import FrameDecodeError, FrameError
from .field_config import FieldConfig
from .meta import FrameMeta

__all__ = ["CONFIG", "LABELS", "META", "NAME", "REF_ID", "TS_TYPE", "field_labels"]

NAME, REF_ID, META = b"name", b"refId", b"meta"
DESCRIBED = (NAME, REF_ID, META)
"""What a frame says of itself in its schema's metadata."""
LABELS, CONFIG, TS_TYPE = b"labels", b"config", b"tstype"


def describe_schema(schema: pa.Schema, name: str, ref_id: str, meta: FrameMeta | None) -> pa.Schema:
    """`schema` whose metadata says `name`, `ref_id` and `meta`; empty ones are left out, other keys stay."""
    return schema.with_metadata(describe_metadata(schema.metadata, name, ref_id, meta))


def describe_metadata(
    present: Mapping[bytes, bytes] | None, name: str, ref_id: str, meta: FrameMeta | None
) -> dict[bytes, bytes] | None:
    """The metadata of `describe_schema`, None if it is empty; `present` is what the schema has."""
    metadata = {key: value for key, value in (present or {}).items() if key not in DESCRIBED}
    if name:
        metadata[NAME] = name.encode()
    if ref_id:
        metadata[REF_ID] = ref_id.encode()
    if meta is not None:
        metadata[META] = _dumps(meta.to_json(), "meta")
    return metadata or None


def read_schema(schema: pa.Schema) -> tuple[str, str, FrameMeta | None]:
    """Name, ref id and meta that the schema's metadata gives.

    :raises FrameDecodeError: the metadata is not UTF-8, or `meta` is not a FrameMeta's JSON.
    """
    metadata = schema.metadata or {}
    meta = read_json(metadata, META, "meta")
    return (
        _text(metadata, NAME),
        _text(metadata, REF_ID),
        None if meta is None else FrameMeta.from_json(meta),
    )


def describe_field(
    field: pa.Field, labels: Mapping[str, str] | None = None, config: FieldConfig | None = None
) -> pa.Field:
    """`field` with labels and config in its metadata; None leaves what is there."""
    metadata = dict(field.metadata or {})
    if labels is not None:
        metadata[LABELS] = _dumps(dict(sorted(labels.items())), f"labels of field {field.name!r}")
    if config is not None:
        metadata[CONFIG] = _dumps(config.to_json(), f"config of field {field.name!r}")
    return field.with_metadata(metadata) if metadata else field


def field_labels(field: pa.Field) -> dict[str, str] | None:
    """The field's labels, sorted by key, or None if it has none at all (which differs from `{}`).

    :raises FrameDecodeError: not an object of strings.
    """
    labels = read_json(field.metadata, LABELS, "labels")
    if labels is None:
        return None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise FrameDecodeError(f"labels of field {field.name!r} are not an object of strings", path="labels")
    return dict(sorted(labels.items()))


def field_config(field: pa.Field) -> FieldConfig | None:
    """:raises FrameDecodeError: the metadata is not a FieldConfig's JSON."""
    data = (field.metadata or {}).get(CONFIG)
    return None if data is None else _config(data)


@lru_cache(maxsize=1024)
def _config(data: bytes) -> FieldConfig:
    return FieldConfig.from_json(_loads(data, "config"))


def read_json(metadata: Mapping[bytes, bytes] | None, key: bytes, path: str) -> Any:
    data = (metadata or {}).get(key)
    return None if data is None else _loads(data, path)


def _loads(data: bytes, path: str) -> Any:
    try:
        return json_text.loads(data)
    except ValueError as error:
        raise FrameDecodeError(f"not JSON: {error}", path=path) from error


def _dumps(value: Any, what: str) -> bytes:
    try:
        return json_text.dumps(value)
    except ValueError as error:
        raise FrameError(f"{what}: {error}") from error


def _text(metadata: Mapping[bytes, bytes], key: bytes) -> str:
    try:
        return metadata.get(key, b"").decode()
    except UnicodeDecodeError as error:
        raise FrameDecodeError("not UTF-8", path=key.decode()) from error
