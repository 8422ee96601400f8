"""Container image, compose file, units and manifests say what Headwater understands, and let it do little."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater_server.settings.all_settings import all_settings
from headwater_server.settings.reading import read_configuration
from servers.process import find_program, unavailable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "container/Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "container/compose.yml").read_text())
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes/headwater.yaml").read_text()))
UNITS = sorted((DEPLOY / "systemd").iterdir())
KNOWN = {each.variable for each in all_settings()} | {"HEADWATER_DATA_DIR", "HEADWATER_CONFIG"}


def manifest(kind: str) -> dict[str, Any]:
    [found] = [each for each in MANIFESTS if each["kind"] == kind]
    return found


def variables() -> Iterator[tuple[str, str]]:
    """Names of Headwater's variables, each with the file that sets it."""
    for name in re.findall(r"^ENV (HEADWATER_\w+)=", DOCKERFILE, re.MULTILINE):
        yield "Dockerfile", name
    for name in COMPOSE["services"]["headwater"]["environment"]:
        yield "compose.yml", name
    for each in manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]:
        yield "headwater.yaml", each["name"]
    for unit in UNITS:
        for name in re.findall(r"^Environment=(HEADWATER_\w+)=", unit.read_text(), re.MULTILINE):
            yield unit.name, name


@pytest.mark.parametrize(("file", "name"), list(variables()))
def test_every_variable_is_one_that_is_read(file: str, name: str) -> None:
    assert name in KNOWN, file


def test_the_image_is_of_two_stages_and_runs_as_nobody_known() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    final = stages[-1]

    assert len(stages) == 3
    assert "g++" not in final
    assert re.findall(r"^USER (.*)$", final, re.MULTILINE) == ["10001:10001"]
    assert 'CMD ["headwater", "health"]' in final
    assert final.index("USER ") < final.index("ENTRYPOINT ")


def test_the_image_has_every_distribution_that_it_copies() -> None:
    folders = re.findall(r"^COPY (\w+) /source/(\w+)$", DOCKERFILE, re.MULTILINE)

    assert all((ROOT / source).is_dir() and source == target for source, target in folders)
    for project in re.findall(r"\./([\w/]+)", DOCKERFILE):
        assert (ROOT / project / "pyproject.toml").is_file(), project


def test_the_image_has_every_plugin_of_this_repository() -> None:
    installed = set(re.findall(r"\./plugins/(\w+)", DOCKERFILE))

    assert installed == {each.parent.name for each in (ROOT / "plugins").glob("*/pyproject.toml")}


def test_the_backup_is_of_the_store_that_the_host_has() -> None:
    host, backup = (
        set(re.findall(r"^Environment(?:File)?=.*$", (DEPLOY / "systemd" / name).read_text(), re.MULTILINE))
        for name in ("headwater.service", "headwater-backup.service")
    )

    assert backup == host


def test_in_compose_only_the_proxy_is_reached_from_outside() -> None:
    services = COMPOSE["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert services["headwater"]["read_only"] is True
    assert services["headwater"]["cap_drop"] == ["ALL"]
    assert services["database"]["networks"] == ["inside"]


def test_the_proxy_of_compose_is_one_that_nginx_takes(tmp_path: Path) -> None:
    nginx = find_program("nginx") or unavailable("nginx is not on the path")
    text = (DEPLOY / "container/nginx.conf").read_text()
    text = text.replace("http://headwater:3000", "http://127.0.0.1:3000")  # no such name here
    text = re.sub(r"\s*ssl_certificate.*;", "", text.replace("listen 443 ssl", "listen 127.0.0.1:8443"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ access_log off; {text} }}"
    )
    checked = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_the_settings_in_the_manifest_are_good(tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(manifest("ConfigMap")["data"]["headwater.toml"])

    settings = read_configuration(file).members
    pod = manifest("Deployment")["spec"]["template"]["spec"]

    assert settings["drain_timeout"] < pod["terminationGracePeriodSeconds"]


def test_a_pod_may_do_little_and_is_probed() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }

    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("each", MANIFESTS, ids=lambda each: each["kind"])
def test_kubernetes_knows_every_field(each: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="`nox -s container` has it")

    kubernetes_validate.validate(each, "1.31", strict=True)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    for each in UNITS:  # with a program that is there, and beside one another
        text = each.read_text().replace("/opt/headwater/bin/headwater", "/bin/true")
        (tmp_path / each.name).write_text(text)

    checked = subprocess.run(
        [systemd_analyze(), "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in checked.stderr.splitlines() if unit.name in line]

    assert complaints == []


def test_the_unit_is_hardened() -> None:
    unit = DEPLOY / "systemd/headwater.service"
    rated = subprocess.run(
        [systemd_analyze(), "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout[-500:]


def systemd_analyze() -> str:
    return find_program("systemd-analyze") or unavailable("systemd-analyze is not on the path")
