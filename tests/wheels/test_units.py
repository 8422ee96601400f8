"""Each distribution's own tests, on its wheel and where no source is: with current dependencies and with the
oldest that it declares."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from built import DISTRIBUTIONS, ROOT, CleanEnvironment, run, uv

Install = Callable[..., CleanEnvironment]

CORE = "headwater[http,json,redis,testing,yaml]"
EVERYTHING = [
    CORE, "headwater-adbc[duckdb,flightsql,postgresql,sqlite]", "headwater-clickhouse", "headwater-mysql",
    "headwater-prometheus", "headwater-rest", "headwater-testdata", "headwater-expressions",
    "headwater-engines[duckdb,flight,polars]", "headwater-grafana",
    "headwater-server[mcp,mysql,oidc,opentelemetry,postgresql,redis]",
]  # fmt: skip
TERMINAL = "headwater-harlequin[sql]"  # not beside others: Harlequin pins click to one version
WITH_EXTRAS = {
    "core": [CORE, "headwater-testdata", "ipykernel"],
    "engines": EVERYTHING,
    "grafana": [*EVERYTHING, "headwater-clickhouse[embedded]"],
    "plugins/adbc": EVERYTHING,
    "plugins/clickhouse": [CORE, "headwater-clickhouse[embedded]"],
    "plugins/expressions": [CORE, "headwater-expressions", "headwater-testdata"],
    "plugins/mysql": [CORE, "headwater-mysql"],
    "plugins/prometheus": [CORE, "headwater-prometheus"],
    "plugins/rest": [CORE, "headwater-rest"],
    "plugins/testdata": [CORE, "headwater-testdata"],
    "server": [*EVERYTHING, "headwater-clickhouse[embedded]", "fastapi"],
    "terminal": [*EVERYTHING, TERMINAL],
}
NOT_OF_WHEELS = [
    "server/tests/http/test_reload.py::test_files_folders_and_packages_that_are_worked_on_are_watched"
]
WITHOUT_A_HOST = {  # their other tests start one, which wants newer versions than they do
    "engines": (
        [CORE, "headwater-engines[duckdb,polars]", "headwater-testdata"],
        ["test_hosts.py", "test_local_engines.py", "-k", "not store"],
    ),
    "plugins/adbc": (
        [CORE, "headwater-adbc[duckdb,postgresql,sqlite]", "psycopg[binary]"],
        ["test_macros.py", "test_postgresql.py", "test_postgresql_types.py", "test_presets.py"],
    ),
}
PARALLEL = ("--numprocesses=auto", "--dist=loadfile")
QUICK = {  # what needs no server and takes seconds
    "core": ["datasources", "frames/test_frame.py", "secrets", "sdk", "test_host.py", "test_public_api.py"],
    "engines": ["test_hosts.py"],
    "grafana": ["pack", "protocol", "host/test_folders.py"],
    "plugins/adbc": ["test_macros.py"],
    "plugins/clickhouse": ["test_declared_types.py", "test_macro_help.py"],
    "plugins/expressions": ["test_math.py", "test_reduce.py", "test_sql.py"],
    "plugins/mysql": [
        "test_decoders.py",
        "test_macros.py",
        "test_plugin.py",
        "test_series.py",
    ],
    "plugins/prometheus": ["test_layouts.py", "test_naming.py", "test_promql.py", "test_samples.py"],
    "plugins/rest": ["test_templates.py"],
    "plugins/testdata": ["."],
    "server": ["http/test_mounting.py", "http/test_queries.py"],
    "terminal": ["test_adapter.py"],
}
HEAVY_TOOLS = ("mcp-grafana", "playwright", "schemathesis")  # not for the quick ones


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository without `src`: tests, and the pages that tests read."""
    target = tmp_path_factory.mktemp("workspace")
    ignored = ("__pycache__", ".*", "node_modules", "explore")
    for name in ("core", "docs", "engines", "examples", "grafana", "plugins", "server", "terminal"):
        ignore = shutil.ignore_patterns(*ignored, "src")
        shutil.copytree(ROOT / name, target / name, ignore=ignore)
    shutil.copytree(ROOT / "tests", target / "tests", ignore=shutil.ignore_patterns(*ignored))
    for name in ("conftest.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target)
    return target


@pytest.fixture(scope="module")
def everything(install: Install) -> CleanEnvironment:
    return install(*EVERYTHING, TERMINAL, *light_tools())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_quick_tests_pass_on_the_wheel(everything: CleanEnvironment, workspace: Path, folder: str) -> None:
    assert " passed" in pytest_of(everything, workspace / folder / "tests", *QUICK[folder])


@pytest.mark.timeout(600)
def test_quick_tests_of_the_core_pass_with_its_oldest_dependencies(
    install: Install, index: str, workspace: Path, tmp_path: Path
) -> None:
    oldest = floors("core", [CORE], index, tmp_path)
    environment = install("--constraint", oldest, CORE, *light_tools())
    quick = ["frames/test_frame.py", "frames/test_json_encode.py", "frames/test_time_series.py", "sdk"]
    assert " passed" in pytest_of(environment, workspace / "core" / "tests", *quick)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_all_tests_pass_with_the_oldest_dependencies(
    install: Install, index: str, workspace: Path, tmp_path: Path, folder: str
) -> None:
    """A plugin's floor of the core is among them: the index offers the core of this tree only."""
    beside = WITH_EXTRAS[folder]
    environment = install("--constraint", floors(folder, beside, index, tmp_path), *beside, *all_tools())
    left_out = [f"--deselect={test}" for test in NOT_OF_WHEELS]
    assert " passed" in pytest_of(environment, workspace / folder / "tests", *PARALLEL, *left_out, ".")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("folder", WITHOUT_A_HOST)
def test_tests_without_a_host_pass_with_older_dependencies_than_a_host_takes(
    install: Install, index: str, workspace: Path, tmp_path: Path, folder: str
) -> None:
    beside, tests = WITHOUT_A_HOST[folder]
    environment = install("--constraint", floors(folder, beside, index, tmp_path), *beside, *light_tools())
    assert " passed" in pytest_of(environment, workspace / folder / "tests", *PARALLEL, *tests)


def pytest_of(environment: CleanEnvironment, tests: Path, *arguments: str) -> str:
    """Run tests of the workspace with the environment's pytest; its output. Fails as they fail."""
    always = ["-q", "-p", "no:cacheprovider", f"--basetemp={environment.folder / 'tests'}"]
    return environment.run("python", "-m", "pytest", *always, *arguments, cwd=tests)


def floors(folder: str, beside: Sequence[str], index: str, target: Path) -> str:
    """The path of constraints: each dependency that `folder` declares, extras included, at the oldest version
    that goes with what is `beside` it."""
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    declared = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    others = [each for each in declared if not re.match(r"headwater|pytest", each)]
    requirements, oldest = target / "requirements.in", target / "oldest.txt"
    requirements.write_text("\n".join([*others, *beside]))
    lowest = ["--resolution", "lowest-direct", "--no-annotate", "--no-header", "--index", index]
    # Releases that are older than this Python have no wheels for it; pyspark never has one.
    lowest += ["--only-binary", ":all:", "--no-binary", "pyspark"]
    run(*uv(), "pip", "compile", "--quiet", *lowest, requirements, "--output-file", oldest)
    names = {_name_of(each) for each in others}
    constraints = target / "constraints.txt"
    constraints.write_text(
        "\n".join(line for line in oldest.read_text().splitlines() if _name_of(line) in names)
    )
    return str(constraints)


def _name_of(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def tools(*groups: str) -> list[str]:
    """What the tests need, of the workspace's own dependency groups."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return [each for group in groups for each in known[group] if isinstance(each, str)]


def light_tools() -> list[str]:
    return [tool for tool in tools("test", "release") if not tool.startswith(HEAVY_TOOLS)]


def all_tools() -> list[str]:
    return tools("test", "release", "typing")
