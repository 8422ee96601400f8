"""What is said of built files is what they are."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import provenance


def test_each_file_is_listed_with_its_digest_and_the_commit_that_it_was_built_from(tmp_path: Path) -> None:
    (tmp_path / "headwater-1-py3-none-any.whl").write_bytes(b"wheel")
    (tmp_path / "headwater-1.tar.gz").write_bytes(b"sources")
    provenance.write(tmp_path)
    provenance.write(tmp_path)  # its own files are not among them

    said = json.loads((tmp_path / "provenance.json").read_text())
    subjects = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
    assert subjects == {
        "headwater-1-py3-none-any.whl": hashlib.sha256(b"wheel").hexdigest(),
        "headwater-1.tar.gz": hashlib.sha256(b"sources").hexdigest(),
    }
    lines = (tmp_path / "SHA256SUMS").read_text().splitlines()
    assert lines == [f"{digest}  {name}" for name, digest in subjects.items()]
    sources, *tools = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert sources["digest"] == {"gitCommit": commit.strip()}
    assert [each["uri"].partition("@")[0] for each in tools] == ["pkg:pypi/build", "pkg:pypi/hatchling"]
