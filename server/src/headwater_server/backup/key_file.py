"""Keys in a file of their own. Whoever has it and a backup of the store has every secret."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from headwater.errors import EncryptionKeyError, ValidationError
from headwater.secrets import KeyRing, LocalKey, read_key_file

from .whole_file import write_whole

FORMAT = "headwater-keys"


def write_keys(ring: KeyRing, ids: Iterable[str], path: Path) -> tuple[list[str], list[str]]:
    """Write those keys to a file that only its owner may read; the ids that are in it, and those that
    cannot be, because they are nowhere, or in a service that gives no key away."""
    found = {key_id: ring.get(key_id) for key_id in ids}
    local = {key_id: key for key_id, key in found.items() if isinstance(key, LocalKey)}
    content = {
        "format": FORMAT,
        "keys": {key_id: base64.b64encode(key.material).decode() for key_id, key in local.items()},
    }
    with write_whole(path) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    return sorted(local), sorted(found.keys() - local.keys())


def read_keys(path: Path) -> Mapping[str, LocalKey]:
    """Raises ValidationError; EncryptionKeyError for a key that is none."""
    try:
        _check_private(path)
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ValidationError(f"cannot be read: {error.strerror}", path=str(path)) from error
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValidationError("is no file of keys", path=str(path))
    return {key_id: LocalKey(key_id, base64.b64decode(text)) for key_id, text in content["keys"].items()}


def restore_keys(keys: Mapping[str, LocalKey], directory: Path) -> list[str]:
    """Put keys into a directory of keys; the ids of those that were not there.

    Raises EncryptionKeyError, before anything is written, if the directory has another key by the same id.
    """
    missing = []
    for key_id, key in keys.items():
        file = directory / f"{key_id}.key"
        if not file.exists():
            missing.append(key_id)
        elif read_key_file(file) != key.material:
            raise EncryptionKeyError(f"{file} is another key by the same id; nothing was restored.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key_id in missing:
        with write_whole(directory / f"{key_id}.key") as opened:
            opened.write(base64.b64encode(keys[key_id].material) + b"\n")
    return missing


def _check_private(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise EncryptionKeyError(f"{path} is open to other users. Run: chmod 600 {path}")
