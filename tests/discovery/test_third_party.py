"""Plugins that nobody here wrote: found by an entry point alone, and isolated from each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HANDMADE = '''
import pyarrow as pa

from headwater import Frame, hookimpl
from headwater.models import DataResponse, QueryDataResponse


class Handmade:
    """No base class, no SDK: an object with one hook."""

    @hookimpl
    def query_data(self, request):
        answers = {}
        for query in request.queries:
            words = pa.table({"words": query.json["text"].split()})
            answers[query.ref_id] = DataResponse([Frame.from_table(words)])
        return QueryDataResponse(answers)


plugin = Handmade()
'''
BROKEN = "import a_driver_that_is_not_installed\n"
LEAVES = "import sys; sys.exit(3)\n"
INVALID = "plugin = object()\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed distributions, each a module and metadata with nothing but an entry point."""
    folder = tmp_path / "site"
    for name, code in {"handmade": HANDMADE, "broken": BROKEN, "leaves": LEAVES, "invalid": INVALID}.items():
        install(folder, name, code)
    return folder


@pytest.fixture
def headwater(site: Path, tmp_path: Path) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(site), "HEADWATER_DATA_DIR": str(tmp_path / "data")}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "headwater_server", *arguments],
            capture_output=True, text=True, check=False, env={**environment, **more},
        )  # fmt: skip

    return run


def install(folder: Path, name: str, code: str, *, version: str = "1.0", requires: str = "") -> None:
    metadata = folder / f"{name}_source-{version}.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{name}_source.py").write_text(code)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-source\nVersion: {version}\n{requires}"
    )
    (metadata / "entry_points.txt").write_text(f"[headwater.datasources.v1]\n{name} = {name}_source:plugin\n")


def test_a_plugin_with_nothing_but_an_entry_point_is_found_and_queried(headwater: Run) -> None:
    assert headwater("ds", "add", "mine", "--type", "handmade").returncode == 0
    done = headwater("query", "mine", '{"text": "found and queried"}', "-o", "jsonl")
    assert [json.loads(line)["words"] for line in done.stdout.splitlines()] == ["found", "and", "queried"]


def test_broken_plugins_show_their_reason_and_hide_no_other(headwater: Run) -> None:
    records = {record["id"]: record for record in json.loads(headwater("plugin", "list", "--json").stdout)}
    assert records["broken"]["state"] == "BROKEN"
    assert "No module named 'a_driver_that_is_not_installed'" in records["broken"]["reason"]
    assert (records["leaves"]["state"], records["leaves"]["reason"][-13:]) == ("BROKEN", "SystemExit: 3")
    assert records["invalid"]["state"] == "INVALID"
    assert {records[name]["state"] for name in ("handmade", "testdata")} == {"READY"}


def test_a_plugin_for_another_core_is_not_even_imported(headwater: Run, site: Path) -> None:
    install(site, "future", "raise SystemExit('imported')\n", requires="Requires-Dist: headwater >=7,<8\n")
    records = {record["id"]: record for record in json.loads(headwater("plugin", "list", "--json").stdout)}
    assert records["future"]["state"] == "INCOMPATIBLE"
    assert "headwater" in records["future"]["reason"]
    assert "imported" not in records["future"]["reason"]


def test_two_distributions_that_claim_one_id_are_both_named_and_neither_used(
    headwater: Run, site: Path
) -> None:
    install(site / "other", "testdata", HANDMADE)
    done = headwater("plugin", "list", "--json", PYTHONPATH=os.pathsep.join([str(site), str(site / "other")]))
    claims = [record for record in json.loads(done.stdout) if record["id"] == "testdata"]
    assert [record["state"] for record in claims] == ["DUPLICATE", "DUPLICATE"]
    assert all(name in claims[0]["reason"] for name in ("headwater-testdata", "testdata-source"))


def test_a_blocked_plugin_is_not_imported(headwater: Run) -> None:
    done = headwater("plugin", "list", "--json", HEADWATER_PLUGINS_BLOCK="leaves, broken")
    states = {record["id"]: record["state"] for record in json.loads(done.stdout)}
    assert (states["leaves"], states["broken"], states["testdata"]) == ("BLOCKED", "BLOCKED", "READY")
