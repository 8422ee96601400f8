"""Each distribution's own tests, on its wheel and where no source is: with current dependencies and with the
oldest that it declares."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from built import DISTRIBUTIONS, ROOT, CleanEnvironment, run, uv

Install = Callable[..., CleanEnvironment]

CORE = "headwater[http,json,redis,testing,yaml]"
EVERYTHING = [
    CORE, "headwater-adbc[duckdb,flightsql,postgresql,sqlite]", "headwater-clickhouse", "headwater-mysql",
    "headwater-prometheus", "headwater-rest", "headwater-testdata", "headwater-expressions",
    "headwater-engines[duckdb,flight,polars]", "headwater-grafana", "headwater-harlequin[sql]",
    "headwater-server[mcp,mysql,oidc,opentelemetry,postgresql,redis]",
]  # fmt: skip
WITH_EXTRAS = {
    "core": [CORE],
    "engines": [*EVERYTHING],
    "grafana": [*EVERYTHING, "headwater-clickhouse[embedded]"],
    "plugins/adbc": [*EVERYTHING, "headwater-engines[flight]"],
    "plugins/clickhouse": [CORE, "headwater-clickhouse[embedded]"],
    "plugins/expressions": [CORE, "headwater-expressions", "headwater-testdata"],
    "plugins/mysql": [CORE, "headwater-mysql"],
    "plugins/prometheus": [CORE, "headwater-prometheus"],
    "plugins/rest": [CORE, "headwater-rest"],
    "plugins/testdata": [CORE, "headwater-testdata"],
    "server": [*EVERYTHING, "headwater-clickhouse[embedded]"],
    "terminal": [*EVERYTHING],
}
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
    ignore = shutil.ignore_patterns("__pycache__", "src", ".*", "node_modules", "explore")
    for name in ("core", "docs", "engines", "examples", "grafana", "plugins", "server", "terminal", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=ignore)
    for name in ("conftest.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target)
    return target


@pytest.fixture(scope="module")
def everything(install: Install) -> CleanEnvironment:
    return install(*EVERYTHING, *light_tools())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_quick_tests_pass_on_the_wheel(everything: CleanEnvironment, workspace: Path, folder: str) -> None:
    assert " passed" in pytest_of(everything, workspace / folder / "tests", *QUICK[folder])


@pytest.mark.timeout(600)
def test_quick_tests_of_the_core_pass_with_its_oldest_dependencies(
    install: Install, workspace: Path, tmp_path: Path
) -> None:
    environment = install("--constraint", str(floors("core", tmp_path)), CORE, *light_tools())
    quick = ["frames/test_frame.py", "frames/test_json_encode.py", "frames/test_time_series.py", "sdk"]
    assert " passed" in pytest_of(environment, workspace / "core" / "tests", *quick)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_all_tests_pass_with_the_oldest_dependencies(
    install: Install, workspace: Path, tmp_path: Path, folder: str
) -> None:
    """A plugin's floor of the core is among them: the index offers the core of this tree only."""
    environment = install("--constraint", str(floors(folder, tmp_path)), *WITH_EXTRAS[folder], *tools())
    assert " passed" in pytest_of(environment, workspace / folder / "tests", ".")


def pytest_of(environment: CleanEnvironment, tests: Path, *arguments: str) -> str:
    """Run tests of the workspace with the environment's pytest; its output. Fails as they fail."""
    return environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, cwd=tests)


def floors(folder: str, target: Path) -> Path:
    """Constraints: each dependency that `folder` declares, extras included, at its oldest version."""
    constraints = target / "constraints.txt"
    text = (ROOT / folder / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = project.get("optional-dependencies", {})
    declared = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    others = [each for each in declared if not re.match(r"headwater|pytest", each)]
    requirements = target / "requirements.in"
    requirements.write_text("\n".join(others))
    lowest = ["--resolution", "lowest-direct", "--no-annotate", "--no-header", "--no-deps"]
    # Releases that are older than this Python have no wheels for it; pyspark never has one.
    lowest += ["--only-binary", ":all:", "--no-binary", "pyspark"]
    run(*uv(), "pip", "compile", "--quiet", *lowest, requirements, "--output-file", constraints)
    return constraints


def tools() -> list[str]:
    """What the tests need, of the workspace's own dependency groups."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return [each for group in ("test", "release") for each in groups[group] if isinstance(each, str)]


def light_tools() -> list[str]:
    return [tool for tool in tools() if not tool.startswith(HEAVY_TOOLS)]
