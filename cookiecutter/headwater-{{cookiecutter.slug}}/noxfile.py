"""Every developer task. `nox` runs what a change must pass; `nox -l` lists the sessions."""

from __future__ import annotations

from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "typing", "tests"]

PROJECT = nox.project.load_toml(Path(__file__).with_name("pyproject.toml"))


def lowest_core() -> str:
    """The oldest core that pyproject.toml admits."""
    [core] = [
        each for each in map(Requirement, PROJECT["project"]["dependencies"]) if each.name == "headwater"
    ]
    [lowest] = [each.version for each in core.specifier if each.operator == ">="]
    return f"headwater=={lowest}"


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting; `nox -s lint -- --fix` mends what can be mended."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", *session.posargs, ".")
    session.run("ruff", "format", *([] if session.posargs else ["--check"]), ".")


@nox.session
def typing(session: nox.Session) -> None:
    """mypy --strict over sources and tests."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "typing"))
    session.run("mypy", "src", "tests")


@nox.session
@nox.parametrize("core", ["latest", "lowest"])
def tests(session: nox.Session, core: str) -> None:
    """The conformance kit and your own tests, with the newest and the oldest core."""
    wanted = [lowest_core()] if core == "lowest" else []
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "test"), *wanted)
    session.run("pytest", *session.posargs)


@nox.session(name="core-next")
def core_next(session: nox.Session) -> None:
    """The same with a core that is not released yet: what the next version will break."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "test"))
    session.install("--pre", "--upgrade", "headwater[testing]")
    session.run("pytest", *session.posargs)
