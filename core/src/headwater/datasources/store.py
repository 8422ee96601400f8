"""What a host asks of the place where its data sources are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Protocol, runtime_checkable

from headwater.secrets.key_store import KeyStore

from .model import DataSource


class DataSourceStore(KeyStore, Protocol):
    """Where data sources and the register of keys are kept. All methods are safe to call from several
    threads.

    Every change gets the next number of one counter, the revision; whoever sees an unchanged `revision()` has
    missed nothing. Writes are atomic: a data source, its data keys and its secrets change together or not at
    all. Failures of the store itself are StoreError."""

    def get_by_uid(self, uid: str) -> DataSource:
        """Raises DataSourceNotFoundError, as do the two below."""
        ...

    def get_by_id(self, id: int) -> DataSource:  # noqa: A002 - Grafana's name of the field
        """By the store's own number."""
        ...

    def get_by_name(self, name: str) -> DataSource:
        """By its name, as it is spelt."""
        ...

    def get_default(self) -> DataSource | None:
        """The one for queries that name none; None where none is marked so."""
        ...

    def list(self) -> Sequence[DataSource]:
        """All data sources by lower-case name."""
        ...

    def add(self, data_source: DataSource) -> DataSource:
        """Stores it and returns it with its `id` and `revision`. The first data source becomes the default
        one, and a default one takes that from the others. Raises DataSourceExistsError."""
        ...

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        """Replaces the data source with this uid and returns it with its new revision.

        Raises DataSourceVersionConflictError if the stored revision is not `expected_revision`,
        DataSourceNotFoundError, DataSourceExistsError (name taken)."""
        ...

    def delete(self, uid: str) -> None:
        """Raises DataSourceNotFoundError."""
        ...

    def revision(self) -> int:
        """The number of the latest change."""
        ...

    def revisions(self) -> Mapping[str, int]:
        """The revision of every data source by uid."""
        ...

    def close(self) -> None:
        """Lets go of connections and threads; safe to repeat."""
        ...


@runtime_checkable
class ChangeNotifier(Protocol):
    """A store that can tell of changes by others before they are asked for. A hint only: it may miss some."""

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Calls `changed(uid)` on a change, `changed(None)` when any may have been missed. Returns what ends
        it."""
        ...


class Subscribers:
    """Who wants to hear of changes in this process. Notify after the commit, and outside of any lock."""

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[[str | None], None], ...] = ()
        self._lock = RLock()  # guards changes of the callbacks; `notify` reads one whole tuple

    def add(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Calls `changed` from now on. Returns what ends that."""
        with self._lock:
            self._callbacks = (*self._callbacks, changed)

        def remove() -> None:
            with self._lock:
                self._callbacks = tuple(each for each in self._callbacks if each is not changed)

        return remove

    def notify(self, *uids: str | None) -> None:
        """Calls everybody with each uid; None: any may have changed."""
        for callback in self._callbacks:
            for uid in uids:
                callback(uid)
