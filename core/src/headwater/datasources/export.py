"""Data sources as a file that `read_plan` reads back. Never holds a secret in plain text.

Secrets are left as references to environment variables, or sealed with a key of 32 bytes that the reader must
have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .model import DataSource
from .provisioning_files import SCALARS
from .sealed_file import SealedFile
from .service import DataSourceService


def export_data_sources(
    service: DataSourceService, data_sources: Iterable[DataSource], seal: SealedFile | None = None
) -> dict[str, Any]:
    """The content of a provisioning file. Raises SecretUnavailableError if secrets are to be sealed and one
    cannot be opened."""
    return {"apiVersion": 1, "datasources": [_export(service, each, seal) for each in data_sources]}


def variable_for(data_source: DataSource, secret_name: str) -> str:
    """The environment variable that an export without secrets names, such as `PROMETHEUS_PASSWORD`."""
    return re.sub(r"[^A-Z0-9]+", "_", f"{data_source.name}_{secret_name}".upper()).strip("_")


def _export(service: DataSourceService, data_source: DataSource, seal: SealedFile | None) -> dict[str, Any]:
    exported = {key: getattr(data_source, attribute) for key, (attribute, _) in SCALARS.items()}
    exported = {key: _escape(value) for key, value in exported.items() if value not in ("", False)}
    exported["editable"] = not data_source.read_only
    if data_source.json_data:
        exported["jsonData"] = _escape(data_source.json_data)
    if data_source.secure_json_data:
        exported["secureJsonData"] = _secrets(service, data_source, seal)
    return exported


def _secrets(service: DataSourceService, data_source: DataSource, seal: SealedFile | None) -> dict[str, str]:
    if seal is None:
        return {name: f"$__env{{{variable_for(data_source, name)}}}" for name in data_source.secure_json_data}
    opened = service.decrypt(data_source)
    return {name: seal.seal(data_source.uid, name, secret) for name, secret in opened.items()}


def _escape(value: Any) -> Any:
    """So that a dollar sign is read back as one."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escape(item) for item in value]
    return value
