"""A setting by option, by environment, by headwater.toml: which counts, and where it is said to be from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from headwater_server.settings.all_settings import all_settings
from headwater_server.settings.serving import SERVING
from headwater_server.settings.setting import Setting

Run = Callable[..., Result]

#: A value of each setting as text, as TOML, and as `config show --json` has it; where it has no other form.
VALUES: dict[str, tuple[str, str, Any]] = {
    "store_url": ("sqlite:////x.db", '"sqlite:////x.db"', "sqlite:////x.db"),
    "plugin_files": ("/a.py", '["/a.py"]', ["/a.py"]),
    "plugin_folders": ("/folder", '["/folder"]', ["/folder"]),
    "isolate": ("all", '"all"', ["all"]),
    "listen_port": ("3999", "3999", 3999),
    "cors_origins": ("https://a.example", '["https://a.example"]', ["https://a.example"]),
    "anonymous": ("viewer", '"viewer"', "viewer"),
    "provisioning": ("/", '["/"]', ["/"]),
    "allow_addresses": ("10.0.0.0/8", '"10.0.0.0/8"', "10.0.0.0/8"),
    "deny_addresses": ("10.0.0.0/8", '"10.0.0.0/8"', "10.0.0.0/8"),
    "only_addresses": ("10.0.0.0/8", '"10.0.0.0/8"', "10.0.0.0/8"),
    "cache_ttl": ("5m", '"5m"', "5m"),
    "cache_memory": ("12", "12", 12),
    "cache_url": ("redis://cache", '"redis://cache"', "redis://cache"),
    "log_format": ("json", '"json"', "json"),
    "log_level": ("debug", '"debug"', "debug"),
    "root_url": ("https://a.example/", '"https://a.example/"', "https://a.example/"),
    "drain_timeout": ("1.5", "1.5", 1.5),
    "workers": ("auto", '"auto"', "auto"),
    "flight_port": ("8815", "8815", 8815),
}


def value_of(setting: Setting) -> tuple[str, str, Any]:
    if setting.is_flag:
        return "true", "true", True
    if setting.multiple:
        return VALUES.get(setting.key, ("one, two", '["one", "two"]', ["one", "two"]))
    return VALUES.get(setting.key, ("/some/text", '"/some/text"', "/some/text"))


def shown(result: Result) -> dict[str, dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return {each["setting"]: each for each in json.loads(result.stdout)}


@pytest.mark.parametrize("setting", all_settings(), ids=lambda each: each.key)
def test_every_setting_can_be_given_by_environment_and_by_file(
    run: Run, data_dir: Path, setting: Setting
) -> None:
    text, toml, value = value_of(setting)

    by_environment = shown(run("config", "show", "--json", **{setting.variable: text}))[setting.key]
    (data_dir / "headwater.toml").write_text(f"\n{setting.key} = {toml}\n")
    by_file = shown(run("config", "show", "--json"))[setting.key]

    assert (by_environment["value"], by_environment["from"]) == (value, setting.variable)
    assert (by_file["value"], by_file["from"]) == (value, f"headwater.toml:2: {setting.key}")


@pytest.mark.parametrize("setting", SERVING, ids=lambda each: each.key)
def test_every_setting_of_serve_is_an_option(run: Run, setting: Setting) -> None:
    text, _, value = value_of(setting)
    arguments = [setting.option]
    if not setting.is_flag:
        arguments.append(text.split(", ")[0])

    found = shown(run("config", "show", "--json", *arguments))[setting.key]

    assert found["value"] == (value[:1] if setting.multiple else value)
    assert found["from"] == setting.option


def test_an_option_goes_before_the_environment_before_the_file_before_the_default(
    run: Run, data_dir: Path
) -> None:
    def port(*arguments: str, **environment: str) -> tuple[int, str]:
        found = shown(run("config", "show", "--json", *arguments, **environment))["listen_port"]
        return found["value"], found["from"]

    assert port() == (3000, "default")
    (data_dir / "headwater.toml").write_text("listen_port = 1\n")
    assert port() == (1, "headwater.toml:1: listen_port")
    assert port(HEADWATER_LISTEN_PORT="2") == (2, "HEADWATER_LISTEN_PORT")
    assert port("--port", "3", HEADWATER_LISTEN_PORT="2") == (3, "--port")
    assert port(HEADWATER_LISTEN_PORT="") == (1, "headwater.toml:1: listen_port"), "empty is not set"


def test_the_file_may_lie_elsewhere_and_paths_in_it_start_at_its_folder(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc" / "host.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text('tls_cert = "tls/cert.pem"\naudit_log = "/var/log/audit.jsonl"\n')

    found = shown(run("config", "show", "--json", HEADWATER_CONFIG=str(elsewhere)))

    assert found["tls_cert"]["value"] == str(elsewhere.parent / "tls/cert.pem")
    assert found["tls_cert"]["from"] == "host.toml:1: tls_cert"
    assert found["audit_log"]["value"] == "/var/log/audit.jsonl"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://user:canary@cache:6379/0", "redis://***@cache:6379/0"),
        ("rediss://cache/0?password=canary", "rediss://cache/0?***"),
        ("redis://us/er:canary@cache", "***"),
        ("canary", "***"),
    ],
)
def test_no_password_is_shown(run: Run, url: str, text: str) -> None:
    result = run("config", "show", "--json", HEADWATER_CACHE_URL=url)

    assert shown(result)["cache_url"]["value"] == text
    assert "canary" not in result.output


def test_secrets_in_tables_are_not_shown(run: Run, data_dir: Path) -> None:
    (data_dir / "headwater.toml").write_text('[oidc]\nissuer = "https://id"\nclient_secret = "canary"\n')

    result = run("config", "show", "--json")

    assert shown(result)["oidc.issuer"]["value"] == "https://id"
    assert shown(result)["oidc.client_secret"]["value"] == "***"
    assert "canary" not in result.output


def test_people_see_a_table(run: Run, data_dir: Path) -> None:
    (data_dir / "headwater.toml").write_text('allowed_hosts = [\n  "a.example",\n  "b.example",\n]\n')

    lines = [line.split("  ") for line in run("config", "show").stdout.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]

    assert cells[0] == ["setting", "value", "from"]
    assert ["allowed_hosts", "a.example, b.example", "headwater.toml:1: allowed_hosts"] in cells
    assert ["listen_port", "3000", "default"] in cells


def test_the_store_of_the_file_is_used(run: Run, data_dir: Path) -> None:
    (data_dir / "headwater.toml").write_text(f'store_url = "sqlite:///{data_dir}/other.db"\n')

    assert run("ds", "add", "demo", "--type", "testdata").exit_code == 0

    assert (data_dir / "other.db").stat().st_size > 0
    assert not (data_dir / "headwater.db").exists()
