"""Every developer task. `nox -l` lists them; `nox -s demo` and `nox -s tests` need nothing but Python.

uv installs the environments where it is on the path, virtualenv and pip where it is not.
"""

from __future__ import annotations

import os
import re
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
    "core": "[http,json,opentelemetry,redis,testing,yaml]",
    "engines": "[duckdb,flight,polars]",
    "plugins/adbc": "[duckdb,flightsql,postgresql,sqlite]",
    "plugins/clickhouse": "[embedded]",
    "server": "[mcp,mysql,oidc,opentelemetry,postgresql]",
    "terminal": "[sql]",
}
PROOFS = {"PYTHONPATH": str(ROOT / "proofs")}
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
    # A process for each core; the tests of a file stay together, with the servers that they start.
    session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, spelling and undeclared imports; `nox -s lint -- --fix` mends what can be mended."""
    install(
        session, *distributions(), groups=("lint",)
    )  # deptry asks the environment what a module belongs to
    check_style(session, *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """mypy --strict over every distribution and its tests."""
    install(session, *distributions(), groups=("dev",))
    check_types(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/, then run the snippets: `nox -s docs -- -k mysql` picks pages by name."""
    install(session, *distributions(), groups=("dev",))
    session.run(
        "sphinx-build", "--fail-on-warning", "--keep-going", "-q", "-d", "site/.doctrees", "docs", "site"
    )
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def screenshots(session: nox.Session) -> None:
    """Take the documentation's pictures anew: of the Explore page, in Chromium, and of the tour."""
    install(session, *DEMO)
    session.install("playwright>=1.50")
    session.run("python", "examples/screenshots.py")
    session.run("python", "docs/_ext/tour.py")


@nox.session
def support(session: nox.Session) -> None:
    """Run the conformance suites of all plugins and write what they find into the reference."""
    install(session, *distributions(), groups=("dev",))
    suites = sorted(str(path) for path in ROOT.glob("plugins/*/tests/test_conformance.py"))
    suites.append("grafana/tests/host/test_isolated_conformance.py")
    session.run("pytest", *suites, "--headwater-report=docs/reference/support.json")
    session.run("python", "docs/_ext/generated.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build each distribution's sdist and wheel into dist/, or those named after `--`, ready for an index."""
    install(session, groups=("release",))
    for folder in session.posargs or distributions():
        session.run("python", "-m", "build", "--outdir", str(ROOT / "dist"), str(ROOT / folder))
    session.run("twine", "check", "--strict", *map(str, (ROOT / "dist").iterdir()))


@nox.session
def lowest(session: nox.Session) -> None:
    """The tests of every distribution with the oldest dependencies it declares; `-- -k core` picks one."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", "tests/wheels/test_units.py", "-m", "slow", *session.posargs)


@nox.session
def changelog(session: nox.Session) -> None:
    """What the next release's notes would say of each distribution, or of those named after `--`."""
    install(session, groups=("release",))
    for folder in session.posargs or distributions():
        write_notes(session, folder, "--draft", "--version", f"{folder} (next)")


@nox.session
def release(session: nox.Session) -> None:
    """Prepare a release: `nox -s release -- core 0.2.0` sets the version and turns the fragments into notes.

    Commits and publishes nothing. docs/how-to/release.md has the steps around it.
    """
    install(session, groups=("release",))
    folder, version = session.posargs
    project = ROOT / folder / "pyproject.toml"
    text, found = re.subn(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text(), count=1)
    if not found:
        session.error(f"{project} names no version")
    project.write_text(text)
    write_notes(session, folder, "--yes", "--version", version)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Headwater beside its peers, as a report with plots: `-- --quick`, `-- --help`. Or `-- core` runs the
    scripts benchmarks/core*.py."""
    install(session, *distributions(), groups=("dev", "benchmarks"))
    needed = {"PYTHONPATH": f"{ROOT / 'benchmarks'}:{ROOT / 'tests'}"}  # the latter has real servers
    prefixes = tuple(each for each in session.posargs if not each.startswith("-"))
    if not prefixes or session.posargs[0].startswith("-"):
        session.run("python", "-m", "comparison", *session.posargs, env=needed)
        return
    for script in sorted((ROOT / "benchmarks").glob("*_*.py")):
        if script.name.startswith(prefixes):
            session.run("python", str(script), env=needed)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads bytes from outside, guided by coverage: `nox -s fuzz -- --seconds 60 mysql`.

    Each target takes 5 seconds by default, and as long again to start; names are beginnings of targets'.
    """
    install(session, *distributions(), groups=("fuzz",))
    session.run("python", "-m", "fuzz", *session.posargs, env=PROOFS)


@nox.session
def mutate(session: nox.Session) -> None:
    """Change what must not be wrong, and see what the tests notice: `nox -s mutate -- crypto auth`."""
    install(session, *distributions(), groups=("dev", "mutation"))
    session.run("python", "-m", "mutation", *session.posargs, env=PROOFS)


@nox.session
def coverage(session: nox.Session) -> None:
    """All tests, and which lines and branches of each distribution they run; arguments go to pytest.

    What is tested in environments of their own, such as wheels, and what ends by SIGKILL is not counted.
    """
    install(session, *distributions(), groups=("dev", "coverage"))
    session.run("coverage", "erase")
    started = trace_every_process(session)
    try:
        session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)
    finally:  # what ran is told, also of tests that fail
        started.unlink()
        session.run("coverage", "combine", "--quiet")
        for folder in distributions():
            session.log(f"{folder}:")
            session.run("coverage", "report", f"--include={folder}/src/*", success_codes=[0, 1])


@nox.session
def sbom(session: nox.Session) -> None:
    """What each wheel consists of and needs, into dist/: CycloneDX, checksums, provenance. `-- core mysql`.

    Then asks PyPI for known vulnerabilities of what is needed; `--offline` leaves that out.
    """
    install(session, groups=("release", "sbom"))
    offline = "--offline" in session.posargs
    folders = [each for each in session.posargs if each != "--offline"] or distributions()
    dist = ROOT / "dist"
    for folder in dict.fromkeys(["core", *folders]):  # the others need the core, of whatever version it is
        session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT / folder), silent=True)
    for folder in folders:
        name = nox.project.load_toml(ROOT / folder / "pyproject.toml")["project"]["name"]
        python = install_wheel(session, name, dist)
        session.run(
            "cyclonedx-py", "environment", python, f"--pyproject={ROOT / folder / 'pyproject.toml'}",
            "--mc-type=library", "--output-reproducible", f"--output-file={dist / name}.cdx.json",
        )  # fmt: skip
        if not offline:
            audit(session, python)
    session.run("python", "-m", "provenance", str(dist), env=PROOFS)


@nox.session
def crash(session: nox.Session) -> None:
    """The long tests that the default run leaves out, such as the full count of killed writers."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Break networks, processes, disks and clocks: `nox -s chaos -- --quick`, or `-- --seeds 500`."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", *tests_in("proofs/chaos", session.posargs))


@nox.session
def answers(session: nox.Session) -> None:
    """Remembered answers and bound values, counted: `nox -s answers -- --quick`, or `-- --values 100000`."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", *tests_in("proofs/answers", session.posargs))


@nox.session
def inspector(session: nox.Session) -> None:
    """MCP Inspector's command line against the tools for agents; npm fetches it (300 MB)."""
    install(session, *distributions(), groups=("dev",))
    session.run("pytest", *tests_in("proofs/agents", session.posargs))


@nox.session
def soak(session: nox.Session) -> None:
    """A host under load for half an hour: `nox -s soak`, `nox -s soak -- --minutes 600`, `-- --quick`."""
    install(session, *distributions(), groups=("dev",))
    path = os.pathsep.join([str(ROOT / "proofs"), str(ROOT / "tests")])
    session.run("python", "-m", "soak", *session.posargs, env={"PYTHONPATH": path})


@nox.session
def isolated(session: nox.Session) -> None:
    """The conformance suites of all plugins, each in a process of its own."""
    install(session, *distributions(), groups=("dev",))
    suites = sorted(str(path) for path in ROOT.glob("plugins/*/tests/test_conformance.py"))
    arguments = ("--headwater-plugin-source=headwater_grafana:Isolation", "--headwater-expect=")
    session.run("pytest", *suites, *arguments, *session.posargs)


@nox.session
def engines(session: nox.Session) -> None:
    """Read tasks on clusters: `nox -s engines -- spark`, `ray`, `dask`, `datafusion`, or all.

    Spark needs Java. `--lost-workers 50` kills that many workers of each amid a read.
    """
    known = ("dask", "datafusion", "ray", "spark")
    chosen = [each for each in session.posargs if each in known] or known
    options = [each for each in session.posargs if each not in known]
    install(session, "core", "plugins/mysql", "plugins/prometheus", "plugins/testdata", "server")
    tools = ("hypothesis", "psutil", "pytest>=9,<10", "pytest-timeout")
    session.install("-e", f"{ROOT / 'engines'}[{','.join(chosen)}]", *tools)
    tests = [f"engines/tests/clusters/test_{name}.py" for name in chosen]
    if "spark" in chosen:
        session.install("pyspark[connect]")
        tests += [f"engines/tests/clusters/test_spark_{name}.py" for name in ("connect", "streams")]
    session.run("pytest", *tests, *options)


@nox.session
def orchestrators(session: nox.Session) -> None:
    """The example for Dagster, run by Dagster."""
    install(session, "core", "plugins/mysql", "plugins/testdata", "server", groups=("test",))
    session.install("dagster>=1.12")
    session.run("pytest", "tests/embedding/test_dagster_assets.py", *session.posargs)


@nox.session
def protocol(session: nox.Session) -> None:
    """Compile the messages between Grafana and its plugins: descriptors, and types for the type checker."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "protocol"))
    package = Path("headwater_grafana/protocol")
    descriptors = package / "descriptors.binpb"
    with session.chdir(ROOT / "grafana" / "src"):
        session.run(
            "python", "-m", "grpc_tools.protoc", "--proto_path=.", "--include_imports", "--pyi_out=.",
            f"--descriptor_set_out={descriptors}", *map(str, sorted(package.glob("*.proto"))),
        )  # fmt: skip


@nox.session
def grafana(session: nox.Session) -> None:
    """Plugins packed for Grafana: editors in Chromium on Grafana's own packages, packed environments."""
    install(session, *distributions(), groups=("dev",))
    session.run(
        "pytest", "-m", "slow", "grafana/tests", "tests/wheels/test_packed_plugin.py", *session.posargs
    )


@nox.session
def container(session: nox.Session) -> None:
    """Check the files of deploy/: manifests against Kubernetes' schemas, and the image in bare Debian roots.

    The latter needs the rights of root.
    """
    install(session, *distributions(), groups=("dev", "container"))
    session.run("pytest", "tests/deploy", "-m", "slow or not slow", *session.posargs)


@nox.session
def openapi(session: nox.Session) -> None:
    """Ask a running host 10,000 times whether it answers as its OpenAPI description says."""
    install(session, *distributions(), groups=("dev",))
    session.run(
        "pytest", "server/tests/http/test_openapi.py", *session.posargs,
        env={"HEADWATER_SCHEMATHESIS_CASES": "10000"},
    )  # fmt: skip


def trace_every_process(session: nox.Session) -> Path:
    """Measure each process of the environment from its start, also those that tests give few variables; gives
    the file that does so.

    Before any plugin of pytest begins, some of what is measured has been imported.
    """
    asked = ("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    folder = Path(str(session.run(*asked, silent=True)).strip())
    variables = {
        "COVERAGE_PROCESS_START": f"{ROOT / 'pyproject.toml'}",
        "COVERAGE_FILE": f"{ROOT / '.coverage'}",
    }
    start = folder / "a0_coverage.pth"  # before the one of coverage, which looks at the variables
    start.write_text(
        f"import os; [os.environ.setdefault(*each) for each in {list(variables.items())}]; "
        "import coverage; coverage.process_startup()\n"
    )
    return start


def tests_in(folder: str, arguments: list[str]) -> list[str]:
    """Arguments of pytest: all tests of `folder`, where none of them is named."""
    named = any(each.partition("::")[0].startswith(f"{folder}/") for each in arguments)
    return arguments if named else [folder, *arguments]


def install_wheel(session: nox.Session, name: str, dist: Path) -> str:
    """The Python of a new environment that has the distribution and what it needs, and nothing else."""
    environment = Path(session.create_tmp(), name)
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(environment))
    python = str(environment / "bin" / "python")
    session.run(
        "python", "-m", "pip", "--python", python, "install", "-q", "--pre", f"--find-links={dist}", name
    )
    return python


def audit(session: nox.Session, python: str) -> None:
    """Fails for a known vulnerability, and where PyPI tells nothing of a release."""
    others = session.run(
        "python", "-m", "pip", "--python", python, "freeze", "--exclude-editable", silent=True
    )
    pinned = [line for line in str(others).splitlines() if not line.startswith("headwater")]
    requirements = Path(session.create_tmp(), "requirements.txt")
    requirements.write_text("\n".join(pinned))
    session.run(
        "pip-audit",
        "--strict",
        "--no-deps",
        "--disable-pip",
        "--progress-spinner=off",
        "-r",
        str(requirements),
    )


def check_style(session: nox.Session, *arguments: str) -> None:
    session.run("ruff", "check", *arguments, ".")
    session.run("ruff", "format", *([] if "--fix" in arguments else ["--check"]), ".")
    session.run("codespell")
    for folder in distributions():
        with session.chdir(ROOT / folder):
            session.run("deptry", "src", silent=True)


def write_notes(session: nox.Session, folder: str, *arguments: str) -> None:
    session.run("towncrier", "build", "--config", "pyproject.toml", "--dir", folder, *arguments)


def check_types(session: nox.Session) -> None:
    folders = [folder for name in distributions() for folder in (f"{name}/src", f"{name}/tests")]
    paths = [*folders, "tests", "examples", "benchmarks", "proofs", "docs/_ext", "noxfile.py"]
    session.run("mypy", *(path for path in paths if any((ROOT / path).rglob("*.py")) or path.endswith(".py")))
    session.run("mypy", "conftest.py")  # by itself: to mypy it has the name of another conftest.py
