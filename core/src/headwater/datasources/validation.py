"""Rules for the fields of a data source (Grafana's, and two stricter ones said where they stand)."""

from __future__ import annotations

import json
import re
import secrets
import string
from urllib.parse import urlsplit

from headwater.errors import ValidationError

from .commands import AddDataSource, UpdateDataSource
from .fields import PLAIN_FIELDS

_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def validate(command: AddDataSource | UpdateDataSource) -> None:
    """Raises ValidationError that names the first field at fault."""
    for each in PLAIN_FIELDS:
        if each.kind is str and len(getattr(command, each.name)) > each.max_length:
            raise ValidationError(f"longer than {each.max_length} characters", path=each.key)
    _check_name(command.name)
    for key, user in (("user", command.user), ("basicAuthUser", command.basic_auth_user)):
        if _CONTROL.search(user):
            raise ValidationError("holds a line break or another control character", path=key)
    if command.uid:
        check_uid(command.uid)
    if not _TYPE.fullmatch(command.type):
        raise ValidationError("a data source needs the id of its plugin", path="type")
    if command.access not in ("proxy", "direct"):
        raise ValidationError("access is proxy or direct", path="access")
    _check_url(command.url)
    _check_json(command)
    for name in command.secure_json_data:
        if not name or len(name) > 190:
            raise ValidationError("the name of a secret has 1 to 190 characters", path="secureJsonData")


def check_uid(uid: str) -> None:
    """Raises ValidationError unless `uid` has 1 to 40 of the characters a-z, A-Z, 0-9, `_` and `-`."""
    if not _UID.fullmatch(uid):
        raise ValidationError("a uid has 1 to 40 letters, digits, hyphens or underscores", path="uid")


def new_uid() -> str:
    """14 characters, the first a letter, so that it never looks like an option on a command line."""
    return secrets.choice(string.ascii_lowercase) + "".join(
        secrets.choice(string.ascii_lowercase + string.digits) for _ in range(13)
    )


def _check_name(name: str) -> None:
    if name != name.strip() or _CONTROL.search(name):
        raise ValidationError("a name has no control characters and no spaces at its ends", path="name")


def _check_url(url: str) -> None:
    """Stricter than Grafana: a password in the URL would be stored and shown in plain text, so it is
    refused. The path of a file may have spaces."""
    if (_CONTROL if url.startswith("/") else _INVISIBLE).search(url):
        raise ValidationError("Validation error, invalid URL", path="url")
    if "://" not in url:
        return
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise ValidationError("Validation error, invalid URL", path="url") from None
    lacks_host = parts.scheme in ("http", "https") and not parts.hostname
    if not parts.scheme or not port_is_valid or lacks_host:
        raise ValidationError("Validation error, invalid URL", path="url")
    if parts.password is not None:
        raise ValidationError("put the password into secureJsonData, not into the URL", path="url")


def _check_json(command: AddDataSource | UpdateDataSource) -> None:
    """Stricter than Grafana: a NaN or an infinity has no place in JSON."""
    try:
        json.dumps(dict(command.json_data), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"not JSON: {error}", path="jsonData") from None
