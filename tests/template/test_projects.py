"""What the template makes is green from the first minute: style, types, tests, and answers in every host."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import httpx2

from baked import Project
from built import run

QUERIES: dict[str, dict[str, Any]] = {
    "sql": {"rawSql": "SELECT * FROM readings WHERE station = ?", "params": ["north"]},
    "http": {"station": "north", "rows": 2},
    "other": {"station": "north", "rows": 2},
}
LEVELS = {"sql": [4.1, 4.3], "http": [4.0, 4.12], "other": [4.0, 4.12]}
SKIPPED = {
    "sql": {"network: unsupported"},
    "http": {"parameters: unsupported", "no probe: text", "no probe: duplicate_columns"},
    "other": {
        "network: unsupported", "parameters: unsupported", "no probe: text", "no probe: duplicate_columns",
    },
}  # fmt: skip


def test_nothing_of_the_templates_language_is_left(project: Project) -> None:
    for name, text in project.texts.items():
        assert not re.search(r"(?<!\$)\{\{|\{%|cookiecutter", name + text), name


def test_the_places_for_an_authors_own_code_are_marked(project: Project) -> None:
    marked = {name.rpartition("/")[2] for name, text in project.texts.items() if "REPLACE" in text}
    assert marked >= {"settings.py", "plugin.py", "pyproject.toml", "datasource.py", "test_conformance.py"}


def test_its_style_is_clean(project: Project) -> None:
    run(sys.executable, "-m", "ruff", "check", "--no-cache", project.folder)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", project.folder)


def test_its_types_are_strict(project: Project) -> None:
    """Against the installed wheels of core and plugin, as the author's type checker sees them."""
    python = project.environment.python
    run(sys.executable, "-m", "mypy", "--python-executable", python, "src", "tests", cwd=project.folder)


def test_its_tests_pass_and_skip_only_what_cannot_apply(project: Project) -> None:
    """The plugin under test is the installed wheel: its project's src is not on the path."""
    printed = project.environment.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=project.folder)
    assert set(re.findall(r"^SKIPPED \[\d+\] \S+ (.+)$", printed, re.MULTILINE)) == SKIPPED[project.kind]


def test_the_command_line_queries_it(project: Project) -> None:
    query = json.dumps(QUERIES[project.kind])
    printed = project.environment.run("headwater", "query", project.slug, query, "-o", "jsonl")
    rows = [json.loads(line) for line in printed.splitlines()]
    assert [row["level"] for row in rows] == LEVELS[project.kind]
    assert {row["station"] for row in rows} == {"north"}


def test_the_first_query_of_its_readme_answers(project: Project) -> None:
    readme = project.texts["README.md"]
    [arguments] = re.findall(r"^headwater query demo (.+)$", readme, re.MULTILINE)
    printed = project.environment.run("headwater", "query", project.slug, *shlex.split(arguments))
    assert "north" in printed


def test_the_http_host_queries_it(project: Project, host: httpx2.Client) -> None:
    query = {**QUERIES[project.kind], "refId": "A", "datasource": {"uid": project.slug}}
    answer = host.post("/api/ds/query", json={"from": "now-1h", "to": "now", "queries": [query]})
    [frame] = answer.raise_for_status().json()["results"]["A"]["frames"]
    assert [field["name"] for field in frame["schema"]["fields"]] == ["time", "station", "level"]
    assert frame["data"]["values"][2] == LEVELS[project.kind]


def test_the_http_host_lists_it_among_its_plugins(project: Project, host: httpx2.Client) -> None:
    plugins = {plugin["id"]: plugin for plugin in host.get("/api/plugins").raise_for_status().json()}
    assert plugins[project.slug]["name"] == f"Acme {project.kind}"


def test_schema_browsers_find_tables_and_columns(project: Project) -> None:
    tables = json.loads(project.environment.run("headwater", "schema", project.slug, "--json"))
    columns = json.loads(
        project.environment.run("headwater", "schema", project.slug, tables[0]["name"], "--json")
    )
    assert [column["name"] for column in columns] == ["time", "station", "level"]


def test_its_noxfile_runs_with_the_oldest_and_the_newest_core(
    projects: dict[str, Project], wheels: dict[str, Path]
) -> None:
    """Of the kit only one check: all of it has run above."""
    folder, wheelhouse = projects["other"].folder, str(wheels["core"].parent)
    for sessions in (["lint", "typing"], ["tests", "core-next", "--", "-k", "describes_itself"]):
        run(sys.executable, "-m", "nox", "-s", *sessions, cwd=folder, UV_FIND_LINKS=wheelhouse)
