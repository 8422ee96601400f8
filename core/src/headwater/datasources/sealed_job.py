"""Data sources, secrets included, sealed for the workers of one job, which have no store of their own."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from headwater.errors import EncryptionKeyError, ReadTaskError, ValidationError
from headwater.secrets.envelope import TamperedRecordError, decrypt_with, encrypt_with, length_prefixed
from headwater.secrets.key_directory import read_key_file
from headwater.secrets.keys import decode_key

from .commands import AddDataSource
from .fields import edited_fields
from .model import DataSource
from .service import DataSourceService

KEY_VARIABLE = "HEADWATER_JOB_KEY"
KEY_FILE_VARIABLE = "HEADWATER_JOB_KEY_FILE"
_MOST_CHARACTERS = 8 << 20


@frozen
class SealedJob:
    """What the workers of job `job_id` need, encrypted with AES-256-GCM, bound to that id and to `expires`.

    The key goes another way: `job_key` finds it on driver and workers.
    """

    job_id: str
    expires: datetime
    sealed: bytes = field(repr=False)

    @classmethod
    def seal(
        cls,
        service: DataSourceService,
        data_sources: Iterable[DataSource],
        key: bytes,
        *,
        job_id: str,
        expires: datetime,
    ) -> Self:
        """Raises SecretUnavailableError if a secret cannot be opened, ValidationError without a time zone."""
        if expires.tzinfo is None:
            raise ValidationError("needs a time zone", path="expires")
        expires = expires.astimezone(UTC)
        documents = [_document(service, each) for each in data_sources]
        plain = json.dumps(documents).encode("utf-8", "surrogatepass")
        return cls(job_id, expires, encrypt_with(key, plain, _bound_to(job_id, expires)))

    def open(self, key: bytes, now: datetime | None = None) -> list[AddDataSource]:
        """The data sources, to add to a store. Raises ReadTaskError once expired, EncryptionKeyError for
        another key or a text that was changed."""
        if (now or datetime.now(UTC)) >= self.expires:
            raise ReadTaskError(
                f"The sealed data sources of job {self.job_id!r} expired at {self.expires.isoformat()}: "
                "seal them anew, for as long as the job may run."
            )
        try:
            plain = decrypt_with(key, self.sealed, _bound_to(self.job_id, self.expires))
        except TamperedRecordError:
            raise EncryptionKeyError(
                f"The sealed data sources of job {self.job_id!r} cannot be opened: they were sealed with "
                "another key, or changed since."
            ) from None
        return [AddDataSource(**document) for document in json.loads(plain.decode("utf-8", "surrogatepass"))]

    def to_text(self) -> str:
        """For an option of an engine, or a file; holds nothing in plain text but id and expiry."""
        parts = {"job": self.job_id, "expires": self.expires.isoformat(), "sealed": self.sealed}
        return json.dumps(parts, default=lambda raw: base64.b64encode(raw).decode(), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The opposite of `to_text`. Raises ValidationError."""
        try:
            if len(text) > _MOST_CHARACTERS:
                raise ValueError
            parts = json.loads(text)
            expires = datetime.fromisoformat(parts["expires"])
            if expires.tzinfo is None:
                raise ValueError
            return cls(str(parts["job"]), expires, base64.b64decode(parts["sealed"], validate=True))
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
            raise ValidationError("is no text of sealed data sources", path="sealed") from None


def job_key(environ: Mapping[str, str] | None = None) -> bytes:
    """The key of sealed jobs on this machine: `HEADWATER_JOB_KEY`, base64 of 32 bytes, or the file that
    `HEADWATER_JOB_KEY_FILE` names. Raises EncryptionKeyError without any."""
    environ = os.environ if environ is None else environ
    if text := environ.get(KEY_VARIABLE):
        return decode_key(text.encode(), f"variable {KEY_VARIABLE}")
    if path := environ.get(KEY_FILE_VARIABLE):
        return read_key_file(Path(path))
    raise EncryptionKeyError(
        f"This machine has no key for sealed data sources: set {KEY_VARIABLE} to 32 bytes in base64, or "
        f"{KEY_FILE_VARIABLE} to a file with them."
    )


def _document(service: DataSourceService, data_source: DataSource) -> dict[str, Any]:
    secrets = {name: secret.reveal() for name, secret in service.decrypt(data_source).items()}
    return {**edited_fields(data_source), "uid": data_source.uid, "secure_json_data": secrets}


def _bound_to(job_id: str, expires: datetime) -> bytes:
    return length_prefixed(b"job/v1", job_id.encode("utf-8", "surrogatepass"), expires.isoformat().encode())
