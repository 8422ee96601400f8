"""The template is cookiecutter's: `headwater plugin new` and cookiecutter make the same bytes of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

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
