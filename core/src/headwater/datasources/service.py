"""Changes data sources by the rules, and opens their secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import attrs

from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceReadOnlyError,
    DataSourceVersionConflictError,
    EncryptionKeyError,
    SecretUnavailableError,
    ValidationError,
)
from headwater.secrets.cipher import FieldState, SealedSecrets, SecretCipher, SecretState
from headwater.secrets.envelope import SecretOwner
from headwater.secrets.key_setup import KeyReport, active_key_problem, prepare_keys, usable_active_key
from headwater.secrets.keys import KeyRing, KeySource
from headwater.secrets.redact import Redactor
from headwater.secrets.secret import Secret

from .commands import AddDataSource, UpdateDataSource
from .fields import edited_fields
from .model import DataSource
from .rules import version_conflict
from .store import DataSourceStore
from .validation import new_uid, validate

_TRIES = 20
Command = TypeVar("Command", bound=AddDataSource | UpdateDataSource)


class Check(Protocol):
    """Refuses a command, with a ValidationError, or returns it as it is to be saved."""

    def __call__(self, command: Command, /) -> Command: ...


def _now() -> datetime:
    return datetime.now(UTC)


class DataSourceService:
    """The one way to change data sources. Every plain secret that passes is made known to `redactor`.

    `check` refuses, with a ValidationError, what the fields' own rules let pass: settings that the
    plugin does not know. It returns the command as it is to be saved.
    """

    def __init__(
        self,
        store: DataSourceStore,
        cipher: SecretCipher,
        *,
        redactor: Redactor | None = None,
        clock: Callable[[], datetime] = _now,
        check: Check | None = None,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._redactor = redactor or Redactor()
        self._clock = clock
        self._check_settings = check
        self._failure_callbacks: dict[object, Callable[[str, FieldState], object]] = {}

    @classmethod
    def with_keys(
        cls,
        store: DataSourceStore,
        sources: Iterable[KeySource],
        *,
        redactor: Redactor | None = None,
        logger: Any = None,
        degraded: bool = False,
        check: Check | None = None,
    ) -> DataSourceService:
        """A service whose keys come from `sources` in this order; makes the first key where there is none.

        Raises EncryptionKeyError if the active key is missing or not the one that the store knows; with
        `degraded` that is logged, as it is for other keys: the data sources under them cannot be used."""
        ring = KeyRing(sources)
        report = prepare_keys(ring, store, degraded=degraded)
        _log_unusual(report, logger)
        cipher = SecretCipher(ring, lambda: usable_active_key(ring, store))
        return cls(store, cipher, redactor=redactor, check=check)

    @property
    def store(self) -> DataSourceStore:
        """Where data sources are kept."""
        return self._store

    @property
    def cipher(self) -> SecretCipher:
        """What seals and opens their secrets."""
        return self._cipher

    @property
    def redactor(self) -> Redactor:
        """What masks every secret that has passed."""
        return self._redactor

    def list(self) -> Sequence[DataSource]:
        """All data sources by lower-case name. Raises StoreError."""
        return self._store.list()

    def check(self, command: Command) -> Command:
        """What `add` and `update` check before they write, and the command as they write it.

        Raises ValidationError with the field's path.
        """
        self._watch(command.secure_json_data)
        validate(command)
        if isinstance(command, UpdateDataSource) and not command.name:
            raise ValidationError("a data source needs a name", path="name")
        return command if self._check_settings is None else self._check_settings(command)

    def add(self, command: AddDataSource) -> DataSource:
        """Raises ValidationError, DataSourceExistsError, EncryptionKeyError, StoreError."""
        command = self.check(command)
        for attempt in range(_TRIES):
            uid = command.uid or new_uid()
            now = self._clock()
            new = DataSource(
                **{**edited_fields(command), "name": command.name or self._free_name(command.type)},
                uid=uid,
                secrets=self._seal(SecretOwner("1", uid), SealedSecrets(), command.secure_json_data),
                created=now,
                updated=now,
            )
            try:
                return self._store.add(new)
            except DataSourceExistsError:
                if (command.name and command.uid) or attempt >= 3:
                    raise
                self._raise_if_taken(command)
            except EncryptionKeyError as error:
                if not error.retryable:
                    raise
        raise version_conflict()

    def update(self, command: UpdateDataSource, *, force: bool = False) -> DataSource:
        """`force` also changes a read-only data source, as provisioning does.

        Raises ValidationError, DataSourceNotFoundError, DataSourceReadOnlyError, DataSourceExistsError,
        DataSourceVersionConflictError, EncryptionKeyError, StoreError.
        """
        command = self.check(command)

        def changed(stored: DataSource) -> DataSource:
            if stored.read_only and not force:
                raise DataSourceReadOnlyError("Cannot update read-only data source")
            if command.version and command.version != stored.version:
                raise version_conflict()
            return attrs.evolve(
                stored,
                **edited_fields(command),
                secrets=self._seal(stored.owner, stored.secrets, command.secure_json_data),
                version=stored.version + 1,
                updated=max(self._clock(), stored.updated + timedelta(microseconds=1)),
            )

        return self._replace(command.uid, changed)

    def delete(self, uid: str, *, force: bool = False) -> None:
        """Raises DataSourceNotFoundError, DataSourceReadOnlyError, StoreError."""
        if self._store.get_by_uid(uid).read_only and not force:
            raise DataSourceReadOnlyError("Cannot delete read-only data source")
        self._store.delete(uid)

    def decrypt(self, data_source: DataSource) -> dict[str, Secret]:
        """All secrets of `data_source`. Raises SecretUnavailableError if any of them cannot be opened."""
        try:
            opened = self._cipher.open(data_source.owner, data_source.secrets)
        except SecretUnavailableError:
            # A copy from a cache may name a key that a rotation has retired since.
            current = self._rewrapped_since(data_source) or data_source
            try:
                opened = self._cipher.open(current.owner, current.secrets)
            except SecretUnavailableError:
                self._report_failures(current)
                raise
        self._watch(opened)
        return opened

    def secure_json_fields(self, data_source: DataSource) -> dict[str, bool]:
        """`True` for each secret that is set, readable or not."""
        return data_source.secure_json_fields

    def secret_states(self, data_source: DataSource) -> dict[str, FieldState]:
        """Whether each secret can be opened, and by which key."""
        return self._cipher.states(data_source.owner, data_source.secrets)

    def key_problem(self) -> str:
        """Why the active key cannot be used now, so that no secret can be encrypted; empty if it can be."""
        return active_key_problem(self._cipher.ring, self._store)

    def on_unavailable(self, callback: Callable[[str, FieldState], object]) -> Callable[[], None]:
        """Have `callback` called with the uid and the field each time that a secret is needed and cannot be
        opened. Returns what ends that; safe to repeat."""
        watcher = object()
        self._failure_callbacks[watcher] = callback

        def stop() -> None:
            self._failure_callbacks.pop(watcher, None)

        return stop

    def rotate(self, uid: str) -> DataSource:
        """Seals every secret of a data source anew under a new data key; its version stays, values being the
        same.

        Raises DataSourceNotFoundError, SecretUnavailableError if one secret is not readable, StoreError.
        """
        return self._replace(
            uid,
            lambda stored: attrs.evolve(stored, secrets=self._cipher.rotate(stored.owner, stored.secrets)),
        )

    def _replace(self, uid: str, change: Callable[[DataSource], DataSource]) -> DataSource:
        """Reads, changes and writes; begins again if another write came between."""
        for attempt in range(_TRIES):
            stored = self._store.get_by_uid(uid)
            try:
                return self._store.update(change(stored), expected_revision=stored.revision)
            except DataSourceVersionConflictError:
                if self._store.get_by_uid(uid).revision == stored.revision:
                    raise
            except EncryptionKeyError as error:
                if not error.retryable:
                    raise
            time.sleep(0.001 * attempt)
        raise version_conflict()

    def _seal(
        self, owner: SecretOwner, stored: SealedSecrets, changes: Mapping[str, Secret]
    ) -> SealedSecrets:
        return self._cipher.seal(owner, stored, {name: value.reveal() for name, value in changes.items()})

    def _watch(self, secrets: Mapping[str, Secret]) -> None:
        for secret in secrets.values():
            self._redactor.watch(secret)

    def _report_failures(self, data_source: DataSource) -> None:
        for state in self.secret_states(data_source).values():
            if state.state is not SecretState.OK:
                for callback in tuple(self._failure_callbacks.values()):
                    callback(data_source.uid, state)

    def _free_name(self, type_: str) -> str:
        taken = {each.name for each in self._store.list()}
        candidates = (type_, *(f"{type_}-{number}" for number in range(1, len(taken) + 1)))
        return next(name for name in candidates if name not in taken)

    def _raise_if_taken(self, command: AddDataSource) -> None:
        """Tells a name or uid that the caller chose from a generated one, which another try may better."""
        if command.uid and command.uid in self._store.revisions():
            raise DataSourceExistsError(f"A data source with the uid {command.uid!r} already exists")
        if command.name and any(each.name == command.name for each in self._store.list()):
            raise DataSourceExistsError(f"A data source with the name {command.name!r} already exists")

    def _rewrapped_since(self, data_source: DataSource) -> DataSource | None:
        try:
            current = self._store.get_by_uid(data_source.uid)
        except DataSourceNotFoundError:
            return None
        same_edit = current.version == data_source.version and current.id == data_source.id
        return current if same_edit and current.secrets != data_source.secrets else None


def _log_unusual(report: KeyReport, logger: Any) -> None:
    if not (report.created or report.missing or report.wrong or report.problem):
        return
    from headwater.logs import get_logger

    log = get_logger(over=logger)
    if report.created:
        log.info("a first encryption key was made; back it up", key=report.active, place=report.created)
    if report.problem:
        log.error("the active encryption key cannot be used", key=report.active, reason=report.problem)
    if report.missing or report.wrong:
        log.warning("secrets under these keys cannot be opened", missing=report.missing, wrong=report.wrong)
