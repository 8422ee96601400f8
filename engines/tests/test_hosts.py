"""How workers get their hosts: with the secrets that they need, and without any on the way."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import (
    DataSourceNotFoundError,
    EncryptionKeyError,
    HeadwaterError,
    ReadTaskError,
    ValidationError,
)
from headwater_engines.hosts import (
    FilesHost,
    SealedHost,
    StoreHost,
    WorkerHost,
    batches,
    host_of,
    worker_host,
)

QUERY = {"scenario": "streaming_rows", "rows": 100}
CANARY = "canary-9f1c7e"
KEY = b64encode(bytes(range(32))).decode()
FILE = """
apiVersion: 1
datasources:
  - name: shop
    uid: shop-1
    type: testdata
    secureJsonData: {apiKey: "$__env{SHOP_KEY}"}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesHost:
    (tmp_path / "sources.yaml").write_text(FILE)
    monkeypatch.setenv("SHOP_KEY", CANARY)
    return FilesHost([os.fspath(tmp_path)])


@pytest.fixture
def sealed(host: Headwater, monkeypatch: pytest.MonkeyPatch) -> SealedHost:
    monkeypatch.setenv("HEADWATER_JOB_KEY", KEY)
    host.update_data_source("shop", secure_json_data={"apiKey": CANARY})
    return SealedHost.seal(host, ["shop"], job_id="nightly")


@pytest.fixture
def store(host: Headwater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreHost:
    monkeypatch.setenv("HEADWATER_DATA_DIR", os.fspath(tmp_path))
    monkeypatch.delenv("HEADWATER_STORE_URL", raising=False)
    with StoreHost().open() as shared:
        shared.add_data_source("shop", type="testdata", uid="shop-1", secure_json_data={"apiKey": CANARY})
    return StoreHost()


def rows_in_another_process(task: bytes, host: WorkerHost) -> int:
    """As an engine's worker does it: task and host come pickled, and all else is its own."""
    code = (
        "import pickle, sys; from headwater_engines.hosts import batches\n"
        "print(sum(b.num_rows for b in batches(*pickle.load(sys.stdin.buffer))))"
    )
    sent = pickle.dumps((task, host))
    assert CANARY.encode() not in sent
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("kind", ["files", "sealed", "store"])
def test_another_process_reads_a_task_with_a_host_of_its_own(
    host: Headwater, kind: str, request: pytest.FixtureRequest
) -> None:
    workers: WorkerHost = request.getfixturevalue(kind)
    task = host.read_tasks("shop", QUERY, target=3)[1]
    assert rows_in_another_process(task.to_bytes(), workers) == task.estimated_rows


@pytest.mark.parametrize("kind", ["files", "sealed", "store"])
def test_the_text_of_a_host_names_the_same_host_and_no_secret(
    kind: str, request: pytest.FixtureRequest
) -> None:
    workers: WorkerHost = request.getfixturevalue(kind)
    assert worker_host(str(workers)) == workers
    assert pickle.loads(pickle.dumps(workers)) == workers
    assert CANARY not in str(workers) + repr(workers)


def test_the_secret_is_there_where_it_is_needed(sealed: SealedHost) -> None:
    with sealed.open() as worker:
        assert worker.check_health("shop").details["apiKey"] == "set"


def test_a_process_has_one_host_for_all_of_its_tasks(host: Headwater, files: FilesHost) -> None:
    assert host_of(files) is host_of(str(files))
    task = host.read_tasks("shop", QUERY, target=1)[0].to_bytes()
    assert sum(batch.num_rows for batch in batches(task, files)) == 100


def test_a_worker_without_the_key_says_what_it_lacks(
    sealed: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADWATER_JOB_KEY")
    with pytest.raises(EncryptionKeyError, match="set HEADWATER_JOB_KEY"):
        sealed.open()


def test_a_job_that_is_over_opens_no_host(host: Headwater, sealed: SealedHost) -> None:
    late = SealedHost.seal(host, ["shop"], job_id="nightly", valid_for=timedelta(seconds=-1))
    with pytest.raises(ReadTaskError, match="'nightly' expired"):
        late.open()


def test_a_host_that_is_open_when_its_job_is_over_is_closed(
    host: Headwater, sealed: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = host_of(sealed)
    monkeypatch.setattr("headwater_engines.hosts._now", lambda: sealed.job.expires)
    with pytest.raises(ReadTaskError, match="'nightly' expired"):
        host_of(sealed)
    with pytest.raises(RuntimeError, match="closed"):
        opened.query("shop", QUERY)


def test_a_worker_without_the_data_source_says_so(host: Headwater, files: FilesHost) -> None:
    host.add_data_source("other", type="testdata", uid="other-1")
    task = host.read_tasks("other", QUERY)[0].to_bytes()
    with pytest.raises(DataSourceNotFoundError):
        next(batches(task, files))


def test_a_worker_whose_data_source_is_set_otherwise_refuses_the_task(
    host: Headwater, files: FilesHost
) -> None:
    host.update_data_source("shop", json_data={"seed": 9})
    task = host.read_tasks("shop", QUERY)[0].to_bytes()
    with pytest.raises(ReadTaskError, match=r"'shop'.*plan the read anew"):
        next(batches(task, files))


@pytest.mark.parametrize("text", ["", "store:x", "files:", "sealed:", "sealed:{}", "postgresql://u:p@db/x"])
def test_a_text_that_names_no_host_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        worker_host(text)
    assert "u:p" not in str(refused.value)


def test_a_file_that_is_wrong_opens_no_host(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("datasources: [{type: testdata}]")
    with pytest.raises(HeadwaterError):
        FilesHost([os.fspath(tmp_path)]).open()
