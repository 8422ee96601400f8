"""`headwater named` on a data directory, and on a host with a token that may run one named query."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import headwater as hw
from headwater.errors import HeadwaterError
from servers.process import ServerProcess, accepts_connections, free_port

Run = Callable[..., subprocess.CompletedProcess[str]]

FILE = """
namedQueries:
  - id: walk
    title: A walk
    datasource: demo
    query: {scenario: random_walk, format: long, seriesCount: {$param: n}, seed: {$param: seed}}
    parameters:
      - {name: n, type: integer, minimum: 1, maximum: 5, default: 2}
      - {name: seed, type: integer, default: 1}
    tags: [tests]
    editable: true
  - id: words
    datasource: demo
    query: {scenario: all_types, types: {$param: kinds}}
    parameters:
      - {name: kinds, type: choice, choices: [int8, string, bool], list: true}
    editable: true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "queries.yaml"
    path.write_text(FILE)
    return path


@pytest.mark.usefixtures("demo")
def test_named_queries_from_add_to_rm(headwater: Run, file: Path, tmp_path: Path) -> None:
    assert headwater("named", "add", file, "--dry-run").stderr == "2 named queries, 0 deletions: no fault.\n"
    added = headwater("named", "add", file)
    assert (added.returncode, added.stderr) == (0, "added: walk\nadded: words\n")
    listed = json.loads(headwater("named", "list", "--json").stdout)
    assert listed[0] == {
        "id": "walk",
        "title": "A walk",
        "parameters": "n, seed",
        "tags": "tests",
        "version": 1,
    }
    assert "integer; from 1; to 5; default 2" in headwater("named", "show", "walk").stdout
    ran = headwater("named", "run", "walk", "--param", "n=3", "--limit", "3", "-o", "csv")
    assert re.findall(r"walk-\d", ran.stdout) == ["walk-0", "walk-1", "walk-2"]
    several = headwater("named", "run", "words", "--param", 'kinds=["int8","bool"]', "-o", "csv")
    assert several.stdout.split()[0].replace('"', "") == "row,int8,bool"
    one_by_one = headwater(
        "named", "run", "words", "--param", "kinds=int8", "--param", "kinds=bool", "-o", "csv"
    )
    assert one_by_one.stdout == several.stdout
    exported = tmp_path / "exported.yaml"
    assert headwater("named", "export", "--out", exported).returncode == 0
    assert headwater("named", "add", exported).stderr == "unchanged: walk\nunchanged: words\n"
    versions = json.loads(headwater("named", "show", "walk", "--versions", "--json").stdout)
    assert versions[0]["by"].startswith("cli")
    assert headwater("named", "rm", "words").returncode == 0
    gone = headwater("named", "run", "words")
    assert (gone.returncode, gone.stderr) == (
        2,
        "error: There is no named query 'words'\nSee `headwater named list`.\n",
    )


@pytest.mark.usefixtures("demo")
def test_they_are_added_from_stdin(headwater: Run) -> None:
    assert headwater("named", "add", "-", stdin=FILE).stderr == "added: walk\nadded: words\n"
    exported = headwater("named", "export").stdout
    assert headwater("named", "add", "-", stdin=exported).stderr == "unchanged: walk\nunchanged: words\n"
    faulty = headwater("named", "add", "-", stdin='{"namedQueries": [{"id": "x", "quary": {}}]}')
    assert faulty.returncode == 2
    assert faulty.stderr.startswith("error: -:1:")


@pytest.mark.usefixtures("demo")
def test_stubs_tell_a_type_checker_what_each_takes(headwater: Run, file: Path) -> None:
    headwater("named", "add", file)
    written = headwater("named", "stubs").stdout
    compile(written, "queries.py", "exec")
    assert 'Literal["walk"], /, *, n: int = ..., seed: int = ..., **options' in written
    assert 'kinds: Sequence[Literal["int8", "string", "bool"]]' in written


@pytest.mark.usefixtures("demo")
def test_a_wrong_value_is_a_usage_error(headwater: Run, file: Path) -> None:
    headwater("named", "add", file)
    for value, message in (
        ("n=6", "parameters.n: is more than 5"),
        ("n=x", "parameters.n: expected a whole number"),
        ("m=1", "parameters.m: is no parameter; it takes n, seed"),
    ):
        refused = headwater("named", "run", "walk", "--param", value)
        assert (refused.returncode, refused.stderr) == (2, f"error: {message}\n")
    twice = headwater("named", "run", "walk", "--param", "n=1", "--param", "n=2")
    assert (twice.returncode, twice.stderr) == (2, "error: parameters.n: takes one value, and has two\n")
    missing = headwater("named", "run", "words")
    assert missing.stderr == "error: parameters.kinds: is required\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a host whose named queries are provisioned, and a token that may run `walk`."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "provisioning.yaml").write_text("datasources: [{name: demo, type: testdata}]\n" + FILE)
    environment = {"HEADWATER_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "headwater_server"]
    port = free_port()
    serve = [*command, "serve", "--port", str(port), "--provisioning", str(folder / "provisioning.yaml")]
    with ServerProcess(serve, ready=lambda: accepts_connections(port), environment=environment) as process:
        assert "Provisioned named queries: 2 added." in process.log.read_text()
        create = [*command, "token", "create", "runner", "--scope", "queries:run:walk"]
        made = subprocess.run(
            create, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
        token = re.search(r"hwsa_\S+", made.stdout)
        assert token
        yield f"http://127.0.0.1:{port}", token[0]


def test_a_token_for_one_query_runs_it_from_the_command_line(headwater: Run, served: tuple[str, str]) -> None:
    environment = {"HEADWATER_HOST": served[0], "HEADWATER_TOKEN": served[1]}
    assert [
        each["id"] for each in json.loads(headwater("named", "list", "--json", **environment).stdout)
    ] == ["walk"]
    ran = headwater("named", "run", "walk", "--param", "n=1", "--limit", "2", "-o", "csv", **environment)
    assert re.findall(r"walk-\d", ran.stdout) == ["walk-0", "walk-0"]
    shown = headwater("named", "show", "walk", **environment).stdout
    assert "parameter n" in shown
    assert "random_walk" not in shown
    for refused in (("run", "words"), ("rm", "walk"), ("show", "walk", "--versions")):
        denied = headwater("named", *refused, **environment)
        assert denied.returncode == 3
        assert "Access denied" in denied.stderr


def test_a_token_for_one_query_runs_it_from_python(served: tuple[str, str]) -> None:
    with hw.connect(served[0], token=served[1]) as remote:
        assert {frame.num_rows for frame in remote.run_frames("walk", n=1, max_data_points=10)} == {10}
        with remote.run_stream("walk", n=1, from_="now-1m", to="now", interval_ms=60_000) as stream:
            assert stream.collect().num_rows
        with pytest.raises(HeadwaterError, match=r"parameters\.n: is more than 5"):
            remote.run("walk", n=9)
        with pytest.raises(HeadwaterError, match="There is no data source 'demo'"):
            remote.query("demo", "random_walk")
        with pytest.raises(HeadwaterError, match="Access denied to named query"):
            remote.run("words", kinds=["int8"])
