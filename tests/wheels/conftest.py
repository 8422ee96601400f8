"""What would be published: built, uploaded to an index on loopback, and installed by name from there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

from built import DISTRIBUTIONS, ROOT, Artefacts, CleanEnvironment, build, run, uv
from servers.process import ServerProcess, accepts_connections, free_port

NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", ".*_cache", ".hypothesis", "node_modules")


@pytest.fixture(scope="session")
def artefacts_of_a_copy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artefacts]:
    """The same of a copy of the tree in another folder, at another time; wheels straight from the tree."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / ".gitignore", copy)
    for folder in (*DISTRIBUTIONS, "cookiecutter"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=NOT_COPIED, copy_function=shutil.copyfile)
    return {
        folder: build(copy / folder, tmp_path_factory.mktemp("dist"), "--sdist", "--wheel")
        for folder in DISTRIBUTIONS
    }


@pytest.fixture(scope="session")
def index(artefacts: dict[str, Artefacts], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a package index on loopback to which everything was uploaded."""
    port = free_port()
    serve = [sys.executable, "-m", "pypiserver", "run", "--host", "127.0.0.1", "--port", str(port)]
    serve += ["--authenticate", ".", "--passwords", ".", "--disable-fallback"]
    folder = tmp_path_factory.mktemp("index")
    with ServerProcess([*serve, str(folder)], ready=lambda: accepts_connections(port)):
        address = f"http://127.0.0.1:{port}/"
        upload = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"]
        upload += ["--repository-url", address, "--username", "anyone", "--password", "anything"]
        run(*upload, *(path for built in artefacts.values() for path in (built.sdist, built.wheel)))
        yield f"{address}simple/"


@pytest.fixture(scope="session")
def install(index: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CleanEnvironment]:
    """`install(*requirements)`: a new environment with them, from that index and from PyPI.

    Arguments that begin with a hyphen are options of `uv pip install`.
    """

    def install(*requirements: str) -> CleanEnvironment:
        folder = tmp_path_factory.mktemp("clean")
        run(*uv(), "venv", "--quiet", "--python", sys.executable, folder / "env")
        python = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        run(*uv(), "pip", "install", "--quiet", "--python", python, "--index", index, *requirements)
        return CleanEnvironment(folder, python)

    return install


@pytest.fixture(scope="session")
def clean(install: Callable[..., CleanEnvironment]) -> CleanEnvironment:
    """What users of the README have, with the kit that authors of plugins inherit from."""
    return install("headwater[http,testing]", "headwater-server", "headwater-testdata")
