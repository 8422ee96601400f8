"""Data sources that travel to the workers of one job: encrypted, for that job, until a moment."""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from headwater import Headwater, hookimpl
from headwater.datasources import SealedJob, job_key
from headwater.errors import EncryptionKeyError, ReadTaskError, ValidationError
from headwater.models import QueryDataRequest, QueryDataResponse

KEY = bytes(range(32))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def job() -> SealedJob:
    with Headwater(allow_plugins=["none"]) as host:
        host.add_plugin("words", Words())
        added = host.add_data_source(
            "shop", type="words", url="db:1", json_data={"a": [1]}, secure_json_data={"password": "s3cr3t-ß"}
        )
        return SealedJob.seal(host.data_sources, [added], KEY, job_id="nightly", expires=NOON)


class Words:
    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        return QueryDataResponse({})


def test_workers_get_the_data_source_as_it_was(job: SealedJob) -> None:
    (command,) = SealedJob.from_text(job.to_text()).open(KEY, NOON - timedelta(seconds=1))
    assert (command.name, command.type, command.url, command.json_data) == (
        "shop",
        "words",
        "db:1",
        {"a": [1]},
    )
    assert command.secure_json_data["password"].reveal() == "s3cr3t-ß"
    assert command.uid


def test_the_text_shows_the_job_and_its_end_and_nothing_else(job: SealedJob) -> None:
    text = job.to_text()
    assert "nightly" in text
    assert "2026-01-01T12:00:00+00:00" in text
    for hidden in ("s3cr3t", "shop", "db:1", b64encode(b"s3cr3t").decode()[:6]):
        assert hidden not in text
        assert hidden not in repr(job)


def test_after_its_end_nothing_opens(job: SealedJob) -> None:
    with pytest.raises(ReadTaskError, match="'nightly' expired at 2026-01-01T12:00:00"):
        job.open(KEY, NOON)


@pytest.mark.parametrize(
    "changed",
    [
        lambda job: evolve(job, job_id="other"),
        lambda job: evolve(job, expires=NOON + timedelta(days=1)),
        lambda job: evolve(job, sealed=job.sealed[:-1] + bytes([job.sealed[-1] ^ 1])),
        lambda job: evolve(job, sealed=b""),
    ],
)
def test_another_job_a_later_end_and_changed_bytes_do_not_open(job: SealedJob, changed: object) -> None:
    assert callable(changed)
    with pytest.raises(EncryptionKeyError, match="another key, or changed"):
        changed(job).open(KEY, NOON - timedelta(days=1))


def test_another_key_does_not_open(job: SealedJob) -> None:
    with pytest.raises(EncryptionKeyError, match="'nightly'"):
        job.open(bytes(32), NOON - timedelta(days=1))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"job":"a","expires":"2026-01-01","sealed":""}', "[" * 9999]
)
def test_a_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        SealedJob.from_text(text)


def test_a_text_that_is_too_long_is_refused_before_it_is_read(job: SealedJob) -> None:
    text = job.to_text()
    assert SealedJob.from_text(text + " ") == job
    with pytest.raises(ValidationError):
        SealedJob.from_text(text + " " * (8 << 20))


def test_an_end_without_a_time_zone_is_refused() -> None:
    with Headwater(allow_plugins=["none"]) as host, pytest.raises(ValidationError, match="time zone"):
        SealedJob.seal(host.data_sources, [], KEY, job_id="a", expires=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_key_comes_from_a_variable_or_from_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "job.key"
    file.write_text(b64encode(KEY).decode())
    file.chmod(0o600)
    assert job_key({"HEADWATER_JOB_KEY": b64encode(KEY).decode()}) == KEY
    assert job_key({"HEADWATER_JOB_KEY_FILE": os.fspath(file)}) == KEY
    file.chmod(0o644)
    with pytest.raises(EncryptionKeyError):
        job_key({"HEADWATER_JOB_KEY_FILE": os.fspath(file)})


def test_without_a_key_the_error_names_the_variables() -> None:
    with pytest.raises(EncryptionKeyError, match=r"HEADWATER_JOB_KEY.*HEADWATER_JOB_KEY_FILE"):
        job_key({})
