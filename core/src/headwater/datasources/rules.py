"""What every store refuses, and in which words."""

from __future__ import annotations

from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceVersionConflictError,
    EncryptionKeyError,
)
from headwater.secrets.key_store import KeyRecord, KeyState

__all__ = [
    "check_can_activate",
    "check_can_retire",
    "check_can_wrap",
    "key_retired",
    "name_taken",
    "no_active_key",
    "not_found",
    "uid_taken",
    "version_conflict",
]


def not_found() -> DataSourceNotFoundError:
    return DataSourceNotFoundError("Data source not found")


def name_taken(name: str) -> DataSourceExistsError:
    return DataSourceExistsError(f"A data source with the name {name!r} already exists")


def uid_taken(uid: str) -> DataSourceExistsError:
    return DataSourceExistsError(f"A data source with the uid {uid!r} already exists")


def version_conflict() -> DataSourceVersionConflictError:
    return DataSourceVersionConflictError(
        "Datasource has already been updated by someone else. Please reload and try again"
    )


def no_active_key() -> EncryptionKeyError:
    return EncryptionKeyError("No encryption key is active yet; create one with `headwater key add`.")


def key_retired(key_id: str) -> EncryptionKeyError:
    return EncryptionKeyError(f"Key {key_id!r} is retired.", status=409, retryable=True)


def check_can_wrap(key_id: str, key: KeyRecord | None) -> None:
    """Refuses a new data key under a KEK that is unknown to the register or retired meanwhile."""
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered; add it first.")
    if key.state is KeyState.RETIRED:
        raise key_retired(key_id)


def check_can_activate(key_id: str, key: KeyRecord | None) -> None:
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered; add it first.", status=404)
    if key.state is KeyState.RETIRED:
        raise key_retired(key_id)


def check_can_retire(key_id: str, key: KeyRecord | None, used: int) -> None:
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered.", status=404)
    if key.state is KeyState.ACTIVE:
        raise EncryptionKeyError(f"Key {key_id!r} is active; activate another key first.", status=409)
    if used:
        raise EncryptionKeyError(
            f"Key {key_id!r} still wraps {used} data keys; run `headwater secrets rewrap` first.", status=409
        )
