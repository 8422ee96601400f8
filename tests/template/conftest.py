"""The template's projects, made, built and installed as their authors would, in an environment of wheels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from artefacts import Environment, Project, Site, build_wheel

from servers.process import ServerProcess, accepts_connections, free_port

KINDS = ("sql", "http", "other")


@pytest.fixture(scope="session")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Core and server from their wheels, with the conformance kit."""
    core = f"headwater[http,testing] @ {wheels['core'].as_uri()}"
    return Environment.with_packages(tmp_path_factory.mktemp("template"), core, wheels["server"])


@pytest.fixture(scope="session")
def projects(environment: Environment) -> dict[str, Project]:
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
    environment.install(
        *(build_wheel(project.folder, environment.folder / "wheels" / kind) for kind, project in made.items())
    )
    for project in made.values():
        environment.run("headwater", "ds", "add", project.slug, "--type", project.slug, "--uid", project.slug)
    return made


@pytest.fixture(params=KINDS)
def project(request: pytest.FixtureRequest, projects: dict[str, Project]) -> Project:
    return projects[request.param]


@pytest.fixture(scope="session")
def site(environment: Environment, projects: dict[str, Project]) -> Iterator[Site]:
    """The HTTP host that serves the projects' data sources."""
    port = free_port()
    command = [str(environment.program("headwater")), "serve", "--port", str(port)]
    with ServerProcess(
        command, ready=lambda: accepts_connections(port), environment=environment.variables
    ) as process:
        token = re.search(r"hwsa_\S+", process.log.read_text())
        assert token, process.log.read_text()
        yield Site(f"http://127.0.0.1:{port}", token[0])


@pytest.fixture(scope="session")
def host(site: Site) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, headers={"Authorization": f"Bearer {site.token}"}) as client:
        yield client
