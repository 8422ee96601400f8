"""The template's projects, made, built and installed as their authors would, in an environment of wheels."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from baked import Project, Site
from built import CleanEnvironment, build, run, uv
from servers.process import ServerProcess, accepts_connections, free_port

KINDS = ("sql", "http", "other")


@pytest.fixture(scope="session")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """Core and server from their wheels, with the conformance kit."""
    folder = tmp_path_factory.mktemp("template")
    run(*uv(), "venv", "--quiet", "--python", sys.executable, folder / "env")
    environment = CleanEnvironment(folder, folder / "env" / "bin" / "python")
    core = f"headwater[http,testing] @ {wheels['core'].as_uri()}"
    run(*uv(), "pip", "install", "--quiet", "--python", environment.python, core, wheels["server"])
    return environment


@pytest.fixture(scope="session")
def projects(environment: CleanEnvironment) -> dict[str, Project]:
    """One of each kind, side by side in one environment."""
    made = {}
    for kind in KINDS:
        slug = f"acme-{kind}"
        printed = environment.run("headwater", "plugin", "new", slug, "--kind", kind, "--out", "made")
        folder = environment.folder / printed.strip()
        texts = {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.rglob("*")
            if path.is_file()
        }
        made[kind] = Project(kind, slug, folder, texts, environment)
    built = [build(each.folder, environment.folder / "dist" / kind).wheel for kind, each in made.items()]
    run(*uv(), "pip", "install", "--quiet", "--python", environment.python, *built)
    for project in made.values():
        environment.run("headwater", "ds", "add", project.slug, "--type", project.slug, "--uid", project.slug)
    return made


@pytest.fixture(params=KINDS)
def project(request: pytest.FixtureRequest, projects: dict[str, Project]) -> Project:
    return projects[request.param]


@pytest.fixture(scope="session")
def site(environment: CleanEnvironment, projects: dict[str, Project]) -> Iterator[Site]:
    """The HTTP host that serves the projects' data sources."""
    port = free_port()
    command = [str(environment.python.with_name("headwater")), "serve", "--port", str(port)]
    variables = {"HEADWATER_DATA_DIR": str(environment.folder / "data")}
    with ServerProcess(command, ready=lambda: accepts_connections(port), environment=variables) as process:
        token = re.search(r"hwsa_\S+", process.log.read_text())
        assert token, process.log.read_text()
        yield Site(f"http://127.0.0.1:{port}", token[0])


@pytest.fixture(scope="session")
def host(site: Site) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, headers={"Authorization": f"Bearer {site.token}"}) as client:
        yield client
