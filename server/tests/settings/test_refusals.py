"""What cannot be is refused, and named with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from headwater.errors import ValidationError
from headwater_server.settings.configuration_file import ConfigurationFile

Run = Callable[..., Result]


def said(result: Result) -> str:
    """What the console script would say: it makes a sentence of each error."""
    return str(result.exception) if isinstance(result.exception, ValidationError) else result.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nlisten_prt = 1", "headwater.toml:2: listen_prt: unknown key; listen_port is one"),
        ("quite_another = 1", "headwater.toml:1: quite_another: unknown key"),
        ('listen_port = "1"', "headwater.toml:1: listen_port: is not a whole number"),
        ("listen_port = true", "headwater.toml:1: listen_port: is not a whole number"),
        ("degraded = 1", "headwater.toml:1: degraded: is not true or false"),
        ("drain_timeout = '1'", "headwater.toml:1: drain_timeout: is not a number"),
        ("root_url = 1", "headwater.toml:1: root_url: is not text"),
        ("workers = 1.5", "headwater.toml:1: workers: is not text or a whole number"),
        ('allowed_hosts = "a"', "headwater.toml:1: allowed_hosts: is not a list of texts"),
        ("oidc = 1", "headwater.toml:1: oidc: is not a table"),
        ("listen_port = ", "headwater.toml: cannot be read: Invalid value (at end of document)"),
        ("listen_port = 70000", "headwater.toml:1: listen_port: 70000 is not in the range 0<=x<=65535."),
        ('#\n\ncache_ttl = "long"', "headwater.toml:3: cache_ttl: is no duration such as 30s"),
        ('log_level = "loud"', "headwater.toml:1: log_level: 'loud' is not one of"),
        ('deny_addresses = "here"', "headwater.toml:1: deny_addresses: not a network: 'here'"),
    ],
)
def test_in_the_file(run: Run, data_dir: Path, text: str, says: str) -> None:
    (data_dir / "headwater.toml").write_text(text)

    shown, served = run("config", "show"), run("serve")

    assert says in said(shown)
    assert says in said(served)
    assert (shown.exit_code == 0, served.exit_code == 0) == (False, False)


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("LISTEN_PORT", "http", "Invalid value for HEADWATER_LISTEN_PORT: 'http' is not a valid integer"),
        ("DEGRADED", "perhaps", "Invalid value for HEADWATER_DEGRADED: 'perhaps' is not a valid boolean"),
        ("WORKERS", "0", "Invalid value for HEADWATER_WORKERS: give a number from 1 to 256, or auto"),
        ("ANONYMOUS", "king", "Invalid value for HEADWATER_ANONYMOUS: 'king' is not a role"),
        ("CORS_ORIGINS", "*", "Invalid value for HEADWATER_CORS_ORIGINS: '*' is not the origin of a page"),
        ("CORS_ORIGINS", "https://A.example", "'https://A.example' is not the origin of a page"),
        ("CORS_ORIGINS", "https://a.example/", "'https://a.example/' is not the origin of a page"),
        ("PROVISIONING", "/nowhere", "HEADWATER_PROVISIONING: Path '/nowhere' does not exist"),
        ("CONFIG", "/nowhere.toml", "HEADWATER_CONFIG: names /nowhere.toml, which does not exist"),
    ],
)
def test_in_the_environment(run: Run, variable: str, text: str, says: str) -> None:
    result = run("serve", **{f"HEADWATER_{variable}": text})

    assert says in said(result)
    assert result.exit_code != 0


def test_an_option_is_named_as_an_option(run: Run) -> None:
    assert "Invalid value for '--port': 70000 is not in the range" in run("serve", "--port", "70000").output
    no_file = run("--config", "/nowhere.toml", "serve")
    assert "Invalid value for '--config': File '/nowhere.toml' does not exist" in no_file.output


def test_a_variable_that_is_nearly_one_is_pointed_out(run: Run) -> None:
    result = run("config", "show", HEADWATER_CACHE_TLL="5m", HEADWATER_PORT="tcp://10.0.0.1:3000")

    assert result.stderr == (
        "warning: HEADWATER_CACHE_TLL is no setting, and not used; HEADWATER_CACHE_TTL is one\n"
    )


def test_help_is_there_whatever_the_file_says(run: Run, data_dir: Path) -> None:
    (data_dir / "headwater.toml").write_text("nonsense")

    assert run("serve", "--help").exit_code == 0


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("one",), 2),
        (("many",), 4),
        (("text",), 9),
        (("table", "one"), 15),
        (("table", "in it", "two"), 17),
        (("table", "absent"), 14),
        (("absent",), None),
    ],
)
def test_the_line_of_a_key_is_where_its_statement_begins(key: tuple[str, ...], line: int | None) -> None:
    text = '''# one = 0
one = 1

many = [
  "many = 2",
  "text = 3",
]

text = """
table = 1
many = 2
"""

[table]
one = 1
[table."in it"]
two = 2
'''
    import tomllib

    file = ConfigurationFile(Path("x.toml"), tomllib.loads(text), text)

    assert file.place(key) == ("x.toml" if line is None else f"x.toml:{line}")
