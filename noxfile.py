"""Every developer task. `nox -l` lists them; `nox -s demo` and `nox -s tests` need nothing but Python.

uv installs the environments where it is on the path, virtualenv and pip where it is not.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
EXTRAS = {
    "core": "[http,json,testing,yaml]",
    "plugins/clickhouse": "[embedded]",
    "server": "[mysql,opentelemetry,postgresql]",
}
DEMO = ("core", "plugins/testdata", "plugins/clickhouse", "server")


def distributions() -> list[str]:
    """Folders of the workspace's distributions, the core first: the others depend on it."""
    projects = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")]
    folders = (project.parent.relative_to(ROOT).as_posix() for project in projects)
    return sorted(folders, key=lambda folder: (folder != "core", folder))


def install(session: nox.Session, *folders: str, groups: tuple[str, ...] = ()) -> None:
    """Install `folders` from the tree with their extras, and dependency groups of the root pyproject."""
    editable = [part for folder in folders for part in ("-e", f"{ROOT / folder}{EXTRAS.get(folder, '')}")]
    session.install(*editable, *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Queries on a real engine, then the host: `nox -s demo`, or `nox -s demo -- [FILE] [--no-serve]`."""
    install(session, *DEMO)
    script = ROOT / "examples" / "demo.py"
    # Ctrl-C ends the host; it gets the time to end well.
    session.run("python", str(script), *session.posargs, interrupt_timeout=15, terminate_timeout=5)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything a change must pass: lint, types, and all tests. Arguments after `--` go to pytest."""
    install(session, *distributions(), groups=("dev",))
    check_style(session)
    check_types(session)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting only; `nox -s lint -- --fix` mends what can be mended."""
    install(session, groups=("lint",))
    check_style(session, *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """mypy --strict over every distribution and its tests."""
    install(session, *distributions(), groups=("dev",))
    check_types(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Run the snippets of every page. `nox -s docs -- -k mysql` picks pages by name."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build each distribution's sdist and wheel into dist/."""
    session.install("build")
    for folder in distributions():
        session.run("python", "-m", "build", "--outdir", str(ROOT / "dist"), str(ROOT / folder))


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run benchmarks/*.py beside their peers: `nox -s benchmarks -- core` runs those whose name starts so."""
    install(session, *distributions(), groups=("dev", "benchmarks"))
    prefixes = tuple(session.posargs) or ("",)
    for script in sorted((ROOT / "benchmarks").glob("*_*.py")):
        if script.name.startswith(prefixes):
            session.run("python", str(script))


@nox.session
def crash(session: nox.Session) -> None:
    """The long tests that the default run leaves out, such as the full count of killed writers."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def openapi(session: nox.Session) -> None:
    """Ask a running host 10,000 times whether it answers as its OpenAPI description says."""
    install(session, *distributions(), groups=("dev",))
    session.run(
        "pytest", "server/tests/http/test_openapi.py", *session.posargs,
        env={"HEADWATER_SCHEMATHESIS_CASES": "10000"},
    )  # fmt: skip


def check_style(session: nox.Session, *arguments: str) -> None:
    session.run("ruff", "check", *arguments, ".")
    session.run("ruff", "format", *([] if "--fix" in arguments else ["--check"]), ".")


def check_types(session: nox.Session) -> None:
    folders = [folder for name in distributions() for folder in (f"{name}/src", f"{name}/tests")]
    paths = [*folders, "tests", "examples", "benchmarks", "conftest.py", "noxfile.py"]
    session.run("mypy", *(path for path in paths if any((ROOT / path).rglob("*.py")) or path.endswith(".py")))
