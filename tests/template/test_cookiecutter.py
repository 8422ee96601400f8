"""The template is cookiecutter's: `headwater plugin new` and cookiecutter make the same bytes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from built import ROOT, run
from headwater import __version__

TEMPLATE = ROOT / "cookiecutter"
SETTINGS = json.loads((TEMPLATE / "cookiecutter.json").read_text())
AUTHOR = "Åsa O'Neil & sons"


def by_cookiecutter(target: Path, **answers: str) -> dict[str, bytes]:
    given = [f"{key}={answer}" for key, answer in answers.items()]
    run(
        sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", target, TEMPLATE, *given,
        COOKIECUTTER_CONFIG=os.devnull,
    )  # fmt: skip
    return contents(target)


def by_headwater(target: Path, slug: str, **answers: str) -> dict[str, bytes]:
    given = [part for key, answer in answers.items() for part in (f"--{key}", answer)]
    run(sys.executable, "-m", "headwater_server", "plugin", "new", slug, "--out", target, *given)
    return contents(target)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("kind", "licence"), [*zip(SETTINGS["kind"], SETTINGS["licence"], strict=True)], ids=SETTINGS["kind"]
)
def test_both_make_the_same_project(kind: str, licence: str, tmp_path: Path) -> None:
    answers = {"kind": kind, "licence": licence, "title": "Ärger’s “lake”", "author": AUTHOR}
    made = by_headwater(tmp_path / "ours", "acme-cloud2", **answers)
    assert made == by_cookiecutter(tmp_path / "theirs", slug="acme-cloud2", **answers)
    assert AUTHOR in made["headwater-acme-cloud2/pyproject.toml"].decode()


def test_both_have_the_same_defaults(tmp_path: Path) -> None:
    made = by_headwater(tmp_path / "ours", "acme-cloud")
    assert made == by_cookiecutter(tmp_path / "theirs", slug="acme-cloud")
    assert 'name = "Acme cloud"' in made["headwater-acme-cloud/src/headwater_acme_cloud/plugin.py"].decode()


@pytest.mark.parametrize(
    "answers", [{"slug": "Acme"}, {"slug": "mysql"}, {"slug": "acme", "title": 'an "acme"'}], ids=str
)
def test_cookiecutter_refuses_what_headwater_refuses(answers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"the rule is|Headwater itself"):
        by_cookiecutter(tmp_path, **answers)
    assert not contents(tmp_path)


def test_projects_ask_for_the_present_core() -> None:
    major, minor, _ = __version__.split(".", 2)
    assert SETTINGS["_core"] == f">={major}.{minor},<{int(major) + 1}"


def test_the_longest_names_keep_the_style(tmp_path: Path) -> None:
    slug, title = "abcdefghijklmnopqrstuvwxyz0123", "x" * 60
    for kind in SETTINGS["kind"]:
        by_headwater(tmp_path / kind, slug, kind=kind, title=title)
    run(sys.executable, "-m", "ruff", "check", "--no-cache", tmp_path)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", tmp_path)


def test_workflows_are_what_github_takes(tmp_path: Path) -> None:
    """By the schema that check-jsonschema carries; this repository's own as well."""
    by_headwater(tmp_path, "acme-cloud")
    made = sorted((tmp_path / "headwater-acme-cloud" / ".github" / "workflows").iterdir())
    assert [path.name for path in made] == ["ci.yml", "publish.yml"]
    own = sorted((ROOT / ".github" / "workflows").iterdir())
    schema = ("--builtin-schema", "vendor.github-workflows")
    run(sys.executable, "-m", "check_jsonschema", *schema, *made, *own)


def test_a_release_is_published_without_a_stored_token(tmp_path: Path) -> None:
    by_headwater(tmp_path, "acme-cloud")
    workflow = yaml.safe_load(
        (tmp_path / "headwater-acme-cloud" / ".github" / "workflows" / "publish.yml").read_text()
    )
    assert workflow["permissions"] == {"contents": "read"}
    publish = workflow["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["url"] == "https://pypi.org/project/headwater-acme-cloud/"
    assert "secrets." not in json.dumps(workflow)
    check = next(step["run"] for step in workflow["jobs"]["build"]["steps"] if "TAG" in step.get("env", {}))
    project = tmp_path / "headwater-acme-cloud"
    for tag, code in (("v0.1.0", 0), ("0.1.0", 0), ("v0.2.0", 1)):
        done = subprocess.run(["bash", "-c", check], cwd=project, env={**os.environ, "TAG": tag}, check=False)
        assert done.returncode == code, tag
