"""`headwater plugin test`: the kit from the command line, on plugins that are packaged and that are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater_server.cli.failures import exit_code_of
from headwater_server.cli.main import main

TESTDATA = Path(__file__).parents[3] / "plugins" / "testdata"
WEATHER = """
from attrs import frozen
from headwater import Frame
from headwater.errors import DownstreamAuthError
from headwater.models import CheckHealthResult, QueryExample
from headwater.sdk import DataSource, DataSourcePlugin, Query, secret
from headwater.secrets import Secret

@frozen
class Settings:
    unit: str = "celsius"
    token: Secret = secret()

@frozen(kw_only=True)
class Ask(Query):
    hours: int = 1

class Weather(DataSource[Settings, Ask]):
    seen = 0

    def query(self, query, context):
        if self.settings.token and self.settings.token.reveal() == "wrong":
            raise DownstreamAuthError("The service refuses the token.")
        Weather.seen += FAULT
        return Frame.from_pydict({"level": [Weather.seen] * query.hours})

    def check_health(self, context):
        return CheckHealthResult.ok("The service answers.")

class WeatherPlugin(DataSourcePlugin):
    id = "weather"
    settings_type = Settings
    query_type = Ask
    data_source = Weather
    examples = (QueryExample("Three hours", {"hours": 3}),)
"""


@pytest.fixture
def weather(tmp_path: Path) -> Path:
    path = tmp_path / "weather.py"
    path.write_text(WEATHER.replace("FAULT", "0"))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Its answers depend on what was asked before."""
    path = tmp_path / "weather.py"
    path.write_text(WEATHER.replace("FAULT", "1"))
    return path


def headwater(folder: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Without the plugins of pytest that happen to be here: an author has fewer, and they take seconds."""
    return subprocess.run(
        [sys.executable, "-m", "headwater_server", "plugin", "test", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
    )  # fmt: skip


def test_a_plugin_of_one_file_that_conforms(weather: Path) -> None:
    done = headwater(weather.parent, "weather.py", "--check", "settings")
    assert (done.returncode, done.stderr) == (0, "")
    assert "suite made from its examples" in done.stdout
    assert "  settings     ..." in done.stdout
    assert "weather: 3 passed." in done.stdout


def test_a_fault_is_said_with_the_contract_and_what_to_mend_where(faulty: Path) -> None:
    done = headwater(faulty.parent, "weather.py", "--check", "the_same_query")
    assert done.returncode == 1
    line = next(n for n, text in enumerate(faulty.read_text().splitlines(), 1) if "def query" in text)
    assert (
        f"""
FAILED  query: the same query has the same answer
  Happened  probes.simple gave another answer the second time.
  Contract  The same query has the same answer.
  Mend      Weather.query (weather.py:{line}): answer alike each time; if the data itself changes, """
        in done.stdout
    )
    assert "Again with one of them: --check the_same_query_has_the_same_answer -v" in done.stdout


def test_the_suite_beside_the_file_is_used(weather: Path) -> None:
    (weather.parent / "test_weather.py").write_text("""
from headwater.testing import DataSourceConformance, Probes

class TestWeather(DataSourceConformance):
    plugin_id = "weather"
    probes = Probes(
        simple={"hours": 1}, wrong={"hours": "x"}, rows=lambda n: {"hours": n}, empty={"hours": 0}
    )
""")
    done = headwater(weather.parent, "weather.py", "--check", "an_empty_answer", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["plugin"], found["conforms"]) == (0, "weather", True)
    assert [each["check"] for each in found["results"]] == ["an_empty_answer_keeps_its_schema"]


def test_the_project_of_this_folder_is_the_default_and_brings_its_suite(tmp_path: Path) -> None:
    report = tmp_path / "found.xml"
    done = headwater(TESTDATA, "--check", "packaging", "--junit", report, PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Plugin testdata, suite tests/test_conformance.py\n  packaging    ....\n")
    assert len(ET.parse(report).findall(".//testcase")) == 4


def test_where_the_data_source_is_comes_from_files_the_environment_and_options(weather: Path) -> None:
    (weather.parent / "source.yaml").write_text("""
apiVersion: 1
datasources:
  - {name: home, type: weather, jsonData: {unit: kelvin}, secureJsonData: {token: $WEATHER_TOKEN}}
""")
    of_file = headwater(
        weather.parent, "weather.py", "--data-source", "source.yaml", "--check", "the_same_query",
        WEATHER_TOKEN="wrong",
    )  # fmt: skip
    assert of_file.returncode == 1
    assert "The service refuses the token." in of_file.stdout
    options = ("--set", "unit=kelvin", "--secret", "token=env:WEATHER_TOKEN", "--check", "the_same_query")
    assert headwater(weather.parent, "weather.py", *options, WEATHER_TOKEN="right").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say which plugin: this folder's pyproject.toml has none."),
        (("no_such.py",), "no_such.py cannot be used"),
        (("no-such",), "'no-such' is not registered"),
        (("testdata", "--probe", "sample=1"), "there is no such probe"),
        (("testdata", "--secret", "token=plain"), "token"),
        (("testdata", "--suite", ".", "--url", "x:1"), "--suite says itself what it connects to"),
    ],
)
def test_what_cannot_be_is_a_mistake_of_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["plugin", "test", *arguments], standalone_mode=False)
    assert done.exception is not None
    assert exit_code_of(done.exception) == 2
    assert said in str(done.exception)


def test_without_the_kit_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_server.cli.plugin_test.find_spec", lambda _name: None)
    done = CliRunner().invoke(main, ["plugin", "test", "testdata"])
    assert (done.exit_code, done.output) == (
        2,
        "Error: The conformance kit is not installed: pip install 'headwater[testing]'\n",
    )
