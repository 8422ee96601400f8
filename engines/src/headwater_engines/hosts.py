"""How a worker gets its host. The driver chooses; what travels to workers holds no secret in plain text."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pyarrow as pa
from attrs import field, frozen

from headwater import Headwater, ReadTask
from headwater.datasources import SealedJob, job_key, provision
from headwater.errors import ValidationError

__all__ = [
    "FilesHost",
    "HostLike",
    "SealedHost",
    "StoreHost",
    "WorkerHost",
    "batches",
    "host_of",
    "worker_host",
]

_SEALED_FOR = timedelta(hours=24)


class WorkerHost(ABC):
    """Where a worker finds data sources. Equal ones share a host in each process; `str` is for options."""

    @abstractmethod
    def open(self) -> Headwater:
        """A new host. Raises errors of `headwater.errors` that say what the worker lacks."""

    @property
    def expired(self) -> bool:
        """Whether what it opens may not be used any more."""
        return False


@frozen
class StoreHost(WorkerHost):
    """`store`: the worker opens the shared SQL store with keys of its own, as `headwater serve` does.

    Needs headwater-server; HEADWATER_STORE_URL and keys, or HEADWATER_DATA_DIR, in the worker's environment.
    """

    def open(self) -> Headwater:
        try:
            from headwater_server.data_directory import DataDirectory
            from headwater_server.key_sources import key_sources
            from headwater_server.store import SqlStore
        except ImportError:
            raise ValidationError(
                "the store needs headwater-server on the worker: pip install 'headwater-engines[store]'",
                path="host",
            ) from None
        directory = DataDirectory.named(None)
        directory.prepare()
        store = SqlStore.open(directory.store_url, keep_connections=False)  # one of many workers
        return Headwater(store, key_sources=key_sources(directory))

    def __str__(self) -> str:
        return "store"


def _texts(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(paths)


@frozen
class FilesHost(WorkerHost):
    """`files:PATH[:PATH…]`: provisioning files on the worker, or folders of them.

    Secrets are references in them, such as `$__env{SHOP_PASSWORD}` or `$__file{/run/secrets/shop}`; a data
    source needs the `uid` that it has at the driver.
    """

    paths: tuple[str, ...] = field(converter=_texts)

    def open(self) -> Headwater:
        headwater = Headwater()
        try:
            provision(headwater.data_sources, self.paths)
        except BaseException:
            headwater.close()
            raise
        return headwater

    def __str__(self) -> str:
        return "files:" + os.pathsep.join(self.paths)


@frozen
class SealedHost(WorkerHost):
    """`sealed:…`: the job's data sources travel encrypted, bound to its id and an expiry.

    The worker has the key in HEADWATER_JOB_KEY, or in the file that HEADWATER_JOB_KEY_FILE names.
    """

    job: SealedJob

    @classmethod
    def seal(
        cls,
        headwater: Headwater,
        data_sources: Iterable[str],
        *,
        job_id: str,
        valid_for: timedelta = _SEALED_FOR,
        key: bytes | None = None,
    ) -> SealedHost:
        """Seal data sources of `headwater`, named by uid or name, with `key` or else this machine's."""
        stored = [headwater.data_source(each) for each in data_sources]
        key = job_key() if key is None else key
        expires = _now() + valid_for
        return cls(SealedJob.seal(headwater.data_sources, stored, key, job_id=job_id, expires=expires))

    @property
    def expired(self) -> bool:
        return _now() >= self.job.expires

    def open(self) -> Headwater:
        commands = self.job.open(job_key(), _now())
        headwater = Headwater()
        try:
            for command in commands:
                headwater.data_sources.add(command)
        except BaseException:
            headwater.close()
            raise
        return headwater

    def __str__(self) -> str:
        return "sealed:" + self.job.to_text()


HostLike: TypeAlias = WorkerHost | str


def worker_host(host: HostLike) -> WorkerHost:
    """The host that a text names: `store`, `files:PATH` or `sealed:TEXT`. Raises ValidationError."""
    if isinstance(host, WorkerHost):
        return host
    kind, _, rest = host.partition(":")
    if kind == "store" and not rest:
        return StoreHost()
    if kind == "files" and rest:
        return FilesHost(rest.split(os.pathsep))
    if kind == "sealed" and rest:
        return SealedHost(SealedJob.from_text(rest))
    raise ValidationError(
        "expected how workers get their data sources: store, files:PATH or sealed:TEXT", path="host"
    )


_lock = threading.Lock()
_hosts: dict[tuple[int, WorkerHost], Headwater] = {}
"""By process: a fork inherits the entries of its parent, whose connections it must not use."""


def host_of(host: HostLike) -> Headwater:
    """The host of this process, opened once and closed when it expires or the process ends."""
    key = os.getpid(), worker_host(host)
    with _lock:
        for each in [each for each in _hosts if each[0] == key[0] and each[1].expired]:
            _hosts.pop(each).close()
        if key not in _hosts:
            _hosts[key] = key[1].open()
        return _hosts[key]


def _now() -> datetime:
    return datetime.now(UTC)


def batches(task: bytes, host: HostLike) -> Iterator[pa.RecordBatch]:
    """The rows of a task, as `ReadTask.to_bytes` made it, read by this process's host.

    Raises errors of `headwater.errors`, which name the data source and the part.
    """
    read = ReadTask.from_bytes(task)
    with read.read(host_of(host)) as stream:
        yield from stream
