"""`headwater doctor`: is everything here, and does it work together."""

from __future__ import annotations

import platform
import ssl
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

import click
from attrs import asdict, frozen

from headwater_server.data_directory import DataDirectory

from .failures import OK, QUERY, exit_code_of
from .location import pass_directory
from .plugins import json_option
from .tables import print_records
from .workspace import open_headwater

if TYPE_CHECKING:
    from headwater import Headwater

_LIBRARIES = (
    "headwater",
    "headwater-server",
    "pyarrow",
    "cryptography",
    "SQLAlchemy",
    "orjson",
    "uvloop",
    "psycopg",
)
_OPTIONAL = frozenset({"uvloop", "psycopg"})


@frozen
class Finding:
    """The outcome of one check: `ok`, `warning` or `error`, and what to do about it."""

    check: str
    status: str
    message: str


@click.command()
@json_option
@pass_directory
@click.pass_context
def doctor(context: click.Context, directory: DataDirectory, as_json: bool) -> None:
    """Check the installation, and say what to mend. Never shows a secret."""
    findings, code = examine(directory)
    print_records([asdict(finding) for finding in findings], as_json=as_json, empty="")
    context.exit(code)


def examine(directory: DataDirectory) -> tuple[list[Finding], int]:
    """All findings, and the exit code of the first error; warnings do not count."""
    findings = [_versions(), *_libraries(), _certificates(), _permissions(directory)]
    code = OK
    try:
        with open_headwater(directory) as headwater:
            findings.append(Finding("store", "ok", f"{len(headwater.store.list())} data sources"))
            findings += [*_keys(headwater), *_plugins(headwater), *_secrets(headwater)]
    except Exception as error:
        findings.append(Finding("store and keys", "error", str(error)))
        code = exit_code_of(error)
    if code == OK and any(finding.status == "error" for finding in findings):
        code = QUERY
    return findings, code


def _versions() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")


def _libraries() -> Iterator[Finding]:
    for name in _LIBRARIES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            status = "ok" if name in _OPTIONAL else "error"
            yield Finding(name, status, "not installed (optional)" if status == "ok" else "not installed")


def _certificates() -> Finding:
    """Whether TLS can check servers: the number of authorities that Python finds by default."""
    count = len(ssl.create_default_context().get_ca_certs())
    paths = ssl.get_default_verify_paths()
    where = paths.cafile or paths.capath
    if count or where:
        return Finding("TLS authorities", "ok", f"{count} loaded from {where or 'the system'}")
    return Finding(
        "TLS authorities", "warning", "none found; https servers cannot be checked: install ca-certificates"
    )


def _permissions(directory: DataDirectory) -> Finding:
    path = directory.path
    if not path.exists():
        return Finding("data directory", "ok", f"{path} (not there yet; the first data source makes it)")
    if sys.platform != "win32" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("data directory", "warning", f"{path} is open to other users; run: chmod 700 {path}")
    return Finding("data directory", "ok", str(path))


def _keys(headwater: Headwater) -> Iterator[Finding]:
    ring = headwater.data_sources.cipher.ring
    for record in headwater.store.key_records():
        found = ring.source_of(record.id)
        if found is not None:
            yield Finding(f"key {record.id}", "ok", f"{record.state}, in {found.describe()}")
        else:
            status = "ok" if record.state == "retired" else "error"
            yield Finding(f"key {record.id}", status, f"{record.state}, not found in {ring.describe()}")


def _plugins(headwater: Headwater) -> Iterator[Finding]:
    for record in headwater.load_plugins():
        if record.usable:
            info = headwater.plugin_info(record.plugin_id)
            about = "; ".join([f"{record.version} ({', '.join(sorted(info.capabilities))})", *info.notes])
            yield Finding(f"plugin {record.plugin_id}", "ok", about)
        else:
            yield Finding(f"plugin {record.plugin_id}", "warning", record.explanation)


def _secrets(headwater: Headwater) -> Iterator[Finding]:
    for stored in headwater.store.list():
        states = headwater.data_sources.secret_states(stored).values()
        bad = [str(field) for field in states if field.state != "ok"]
        if bad:
            yield Finding(
                f"data source {stored.name}", "error", f"secrets cannot be opened: {', '.join(bad)}"
            )
        elif headwater.registry.plugin(stored.type) is None:
            yield Finding(f"data source {stored.name}", "warning", f"plugin {stored.type!r} is not installed")
