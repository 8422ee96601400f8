"""What one secret costs: sealing and opening it, beside plain AES-GCM and the Fernet tokens other tools use.

Every case runs in shuffled rounds; a round times a thousand calls. Shown are medians per call and the ratio
to plain AES-GCM, which binds nothing and has no key management."""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from timing import print_table, time_side_by_side

from headwater.datasources import AddDataSource, DataSourceService, MemoryStore
from headwater.secrets import InMemoryKeySource
from headwater.secrets.envelope import DataKey, SecretOwner, seal, unseal

PASSWORD = "correct horse battery staple"


def cases() -> dict[str, Callable[[], object]]:
    raw, nonce, data = AESGCM(os.urandom(32)), os.urandom(12), PASSWORD.encode()
    raw_sealed = raw.encrypt(nonce, data, None)
    dek, owner = DataKey.generate(), SecretOwner("1", "uid")
    record = seal(dek, PASSWORD, owner, "password")
    fernet = Fernet(Fernet.generate_key())
    token = fernet.encrypt(data)
    many = MultiFernet([*(Fernet(Fernet.generate_key()) for _ in range(5)), fernet])
    service = DataSourceService.with_keys(MemoryStore(), [InMemoryKeySource()])
    one = service.add(AddDataSource(type="t", secure_json_data={"password": PASSWORD}))
    five = service.add(AddDataSource(type="t", secure_json_data={f"s{n}": PASSWORD for n in range(5)}))
    return {
        "AES-GCM alone, encrypt": lambda: raw.encrypt(nonce, data, None),
        "AES-GCM alone, decrypt": lambda: raw.decrypt(nonce, raw_sealed, None),
        "Headwater, seal a record": lambda: seal(dek, PASSWORD, owner, "password"),
        "Headwater, open a record": lambda: unseal(dek, record, owner, "password"),
        "Headwater, a data source with 1 secret": lambda: service.decrypt(one),
        "Headwater, a data source with 5 secrets": lambda: service.decrypt(five),
        "Fernet, encrypt": lambda: fernet.encrypt(data),
        "Fernet, decrypt": lambda: fernet.decrypt(token),
        "MultiFernet, decrypt with the 6th of 6 keys": lambda: many.decrypt(token),
    }


def main() -> None:
    print_table("one secret of 28 characters", time_side_by_side(cases(), rounds=15, calls=1000), unit="µs")


if __name__ == "__main__":
    main()
