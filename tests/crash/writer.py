"""A process that writes to a store until it is killed, and a log that tells what it was doing.

Every change is announced in the log before it begins (`try`) and confirmed after the store has returned
(`ok`). A data source carries a number, and its secrets are made from it, so that a mixture of two writes is
seen."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from headwater.datasources import AddDataSource, DataSource, DataSourceService, UpdateDataSource
from headwater.secrets import DirectoryKeySource
from headwater_server.store import SqlStore

UIDS = ("a", "b", "c", "d")
State = Mapping[str, int]
"""The number of each data source that exists."""


def secrets_for(uid: str, number: int) -> dict[str, str]:
    """Different names for odd and even numbers, so that updates also add and remove secrets."""
    common = {"password": f"{uid}-{number}", "certificate": f"{number:06d}" * 200}
    return {**common, f"extra{number % 2}": f"x{number}"}


def open_service(url: str, keys: str) -> DataSourceService:
    return DataSourceService.with_keys(SqlStore.open(url, lock_timeout=30), [DirectoryKeySource(keys)])


def write_until_killed(url: str, keys: str, log: str, seed: int) -> None:
    """Runs in a process of its own."""
    service = open_service(url, keys)
    chance = random.Random(seed)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = seed * 1_000_000
    while True:
        number += 1
        uid = chance.choice(UIDS)
        exists = uid in service.store.revisions()
        operation = chance.choice(("put", "put", "put", "rotate", "delete")) if exists else "put"
        os.write(descriptor, f"try {operation} {uid} {number}\n".encode())
        perform(service, operation, uid, number)
        os.write(descriptor, b"ok\n")


def perform(service: DataSourceService, operation: str, uid: str, number: int) -> None:
    if operation == "delete":
        service.delete(uid)
    elif operation == "rotate":
        service.rotate(uid)
    elif uid in service.store.revisions():
        stored = service.store.get_by_uid(uid)
        removed = dict.fromkeys(stored.secure_json_data, "")
        secrets = {**removed, **secrets_for(uid, number)}
        service.update(UpdateDataSource.of(stored, json_data={"number": number}, secure_json_data=secrets))
    else:
        service.add(
            AddDataSource(
                type="t",
                uid=uid,
                name=uid,
                json_data={"number": number},
                secure_json_data=secrets_for(uid, number),
            )
        )


@frozen
class Expectation:
    """What a log promises: all that was acknowledged, and at most one change more."""

    acknowledged: State
    attempted: State
    acknowledgements: int

    @classmethod
    def of(cls, before: State, log: Path) -> Expectation:
        acknowledged, attempted, count = dict(before), dict(before), 0
        for line in log.read_text().splitlines() if log.exists() else ():
            if line == "ok":
                acknowledged, count = attempted, count + 1
                continue
            _, operation, uid, number = line.split()
            attempted = dict(acknowledged)
            if operation == "delete":
                del attempted[uid]
            elif operation == "put":
                attempted[uid] = int(number)
        return cls(acknowledged, attempted, count)


def read_state(service: DataSourceService) -> State:
    """Opens every secret; fails if a data source is a mixture of two writes."""
    return {each.uid: _number_of(service, each) for each in service.store.list()}


def _number_of(service: DataSourceService, data_source: DataSource) -> int:
    number: int = data_source.json_data["number"]
    opened = {name: secret.reveal() for name, secret in service.decrypt(data_source).items()}
    assert opened == secrets_for(data_source.uid, number), f"torn: {data_source.uid} at {number}"
    return number
