"""Wheels and sdists: whole, the same wherever they are built, and ready for an index."""

from __future__ import annotations

import email.message
import email.parser
import re
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from built import DISTRIBUTIONS, ROOT, Artefacts, run

LITTER = re.compile(r"__pycache__|\.py[co]$|\.\w+_cache/|\.hypothesis|\.db$|node_modules|/\.git/|~$")
NEEDED = {  # beside the modules
    "core": ["headwater/plugins/hookspecs.py", "headwater/testing/conformance/base.py"],
    "server": [
        "headwater_server/cookiecutter/cookiecutter.json",
        "headwater_server/http/static/LICENSES.txt",
        "headwater_server/http/static/explore.js",
        "headwater_server/http/static/index.html",
        "headwater_server/store/migrations/env.py",
    ],
}


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_every_build_gives_the_same_bytes(
    artefacts: dict[str, Artefacts], artefacts_of_a_copy: dict[str, Artefacts], folder: str
) -> None:
    """From another folder at another time; and a wheel from the sdist is the wheel from the tree."""
    one, other = artefacts[folder], artefacts_of_a_copy[folder]
    assert one.sdist.name == other.sdist.name
    assert one.sdist.read_bytes() == other.sdist.read_bytes(), difference(one.sdist, other.sdist)
    assert one.wheel.name == other.wheel.name
    assert one.wheel.read_bytes() == other.wheel.read_bytes(), difference(one.wheel, other.wheel)


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_a_wheel_has_its_package_and_nothing_else(artefacts: dict[str, Artefacts], folder: str) -> None:
    names = contents(artefacts[folder].wheel)
    [package] = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    source = ROOT / folder / "src" / package
    modules = {path.relative_to(source.parent).as_posix() for path in source.rglob("*.py")}
    assert names >= {*modules, f"{package}/py.typed", *NEEDED.get(folder, [])}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not {name for name in names if LITTER.search(name)}
    own = {name for name in names if "/cookiecutter/" not in name}  # the template has tests of its own
    assert not {name for name in own if PurePosixPath(name).name.startswith(("test_", "conftest"))}


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_an_sdist_has_what_builds_and_tests_it(artefacts: dict[str, Artefacts], folder: str) -> None:
    names = {name.partition("/")[2] for name in contents(artefacts[folder].sdist)}
    assert names >= {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO"}
    assert any(name.startswith("tests/test_") or "/test_" in name for name in names)
    assert not {name for name in names if LITTER.search(name) or name.endswith((".so", ".pyd"))}


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_metadata_is_complete(artefacts: dict[str, Artefacts], folder: str) -> None:
    found = metadata(artefacts[folder].wheel)
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Description-Content-Type"] == "text/markdown"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Keywords"]
    assert "Typing :: Typed" in found.get_all("Classifier", [])
    urls = dict(line.split(", ") for line in found.get_all("Project-URL", []))
    assert set(urls) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())
    assert urls["Source"].endswith(f"/{folder}")
    assert "](../" not in str(found.get_payload()), "a link that leads nowhere on an index's page"


@pytest.mark.parametrize("folder", [folder for folder in DISTRIBUTIONS if folder != "core"])
def test_a_distribution_beside_the_core_asks_for_a_range_of_it(
    artefacts: dict[str, Artefacts], folder: str
) -> None:
    required = [
        line.replace(" ", "") for line in metadata(artefacts[folder].wheel).get_all("Requires-Dist", [])
    ]
    always = [line for line in required if "extra==" not in line]
    [on_core] = [line for line in always if re.match(r"headwater[\[<>]", line)]
    assert ">=0.1" in on_core
    assert "<1" in on_core


def test_an_index_would_take_them(artefacts: dict[str, Artefacts]) -> None:
    """Metadata valid, README rendered; `--strict` takes warnings for errors."""
    files = [path for built in artefacts.values() for path in (built.sdist, built.wheel)]
    assert "FAILED" not in run(sys.executable, "-m", "twine", "check", "--strict", *files)


def contents(artefact: Path) -> set[str]:
    if artefact.suffix == ".whl":
        return set(zipfile.ZipFile(artefact).namelist())
    with tarfile.open(artefact) as archive:
        return set(archive.getnames())


def metadata(wheel: Path) -> email.message.Message:
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return email.parser.Parser().parsestr(archive.read(name).decode())


def difference(one: Path, other: Path) -> str:
    return f"only in one: {sorted(contents(one) ^ contents(other)) or 'nothing, but bytes differ'}"
