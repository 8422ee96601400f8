"""What the kit says of a suite that cannot run as its author wrote it, and of plugins of other kinds."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from headwater.testing import ConformanceError

pytest_plugins = "pytester"

SUITE = """
import pytest
from headwater.plugins import PluginFiles
from headwater.testing import DataSourceConfig, DataSourceConformance, Features, Probes

class TestSome(DataSourceConformance):
    plugin_id = "testdata"
    probes = Probes(
        simple={{"scenario": "csv", "csvContent": "n\\n1\\n"}}, wrong={{"scenario": "nope"}},
        rows=lambda count: {{"scenario": "streaming_rows", "rows": count}},
    )
    {body}
"""
FILE = '''
from headwater import hookimpl
from headwater.models import CheckHealthResult

class Bare:
    """The hooks themselves, without the SDK."""
    id = "bare"

    @hookimpl
    def check_health(self):
        return CheckHealthResult.failed("it rains")
'''
PLAIN_SETTINGS = """
from attrs import frozen
from headwater import Frame
from headwater.sdk import DataSource, DataSourcePlugin, Query, Secret, secret

@frozen
class Settings:
    password: Secret = secret()

class Plain:
    def __init__(self, settings):
        self.password = settings.password

    def __repr__(self):
        return f"Plain({self.password!r})"

class Source(DataSource[Plain, Query]):
    def __init__(self, settings, instance, logger=None):
        super().__init__(Plain(settings), instance, logger)

    def query(self, query, context):
        return Frame.from_pydict({"n": [1]})

class SourcePlugin(DataSourcePlugin):
    id = "bare"
    settings_type = Settings
    query_type = Query
    data_source = Source
"""
IN_A_FILE = 'plugin_id = "bare"; plugin_sources = (PluginFiles(["bare.py"]),)'

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(select: str, body: str, *, plugin: str = FILE) -> pytest.RunResult:
        pytester.makepyfile(bare=plugin, test_some=SUITE.format(body=body))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", select, "-rs")

    return run


@pytest.mark.parametrize(
    ("select", "body", "said"),
    [
        (
            "a_live_source_is_ok",
            'plugin_id = "nowhere"',
            "No installed distribution has a plugin 'nowhere'. Mend your pyproject.toml: under *",
        ),
        (
            "a_live_source_is_ok",
            "config = pytest.fixture(lambda self: DataSourceConfig(json_data={'typo': 1}))",
            "ValidationError: *typo*. Mend TestSome.config (test_some.py:*): give what *",
        ),
        (
            "hostile_values",
            "",
            "There is no probe `parameter`. Mend TestSome.probes (test_some.py:*): give parameter=*",
        ),
        (
            "a_remembered_answer",
            "probes = Probes(simple={}, wrong={}, rows=dict, over_time={'scenario': 'nope'})",
            "QueryError: There is no scenario 'nope'*. Mend TestDataPlugin.answer_traits *",
        ),
        (
            "a_live_source_is_ok",
            IN_A_FILE,
            "*it rains*. Mend Bare.check_health (bare.py:*): *",
        ),
        (
            "a_built_instance",
            IN_A_FILE,
            "The plugin declares no secret keys. Mend TestSome.features (test_some.py:*): Features(secrets=*",
        ),
    ],
    ids=["no plugin", "a wrong config", "a missing probe", "a wrong probe", "only hooks", "no secrets"],
)
def test_a_failure_says_what_to_mend_and_where(run: Run, select: str, body: str, said: str) -> None:
    result = run(select, body)
    result.stdout.fnmatch_lines([f"E  *ConformanceError: {said}"])


def test_a_plugin_that_does_not_load_is_named_in_general_words(run: Run) -> None:
    result = run("a_live_source_is_ok", IN_A_FILE, plugin=f"{FILE}\n1 / 0\n")
    said = "*ZeroDivisionError*. Mend your plugin's source.check_health: *"
    result.stdout.fnmatch_lines([f"E  *ConformanceError: {said}"])


def test_settings_may_be_of_any_class(run: Run) -> None:
    given = "DataSourceConfig(secure_json_data={'password': 's3cret'})"
    config = f"config = pytest.fixture(lambda self: {given})"
    result = run("a_built_instance", f"{IN_A_FILE}; {config}", plugin=PLAIN_SETTINGS)
    result.assert_outcomes(passed=1)


def test_a_plugin_of_one_file_has_no_distribution_to_check(run: Run) -> None:
    result = run("bounds_the_core", IN_A_FILE)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*a plugin of one file is in no distribution"])


def test_a_data_source_without_resources_says_nothing_in_them(run: Run) -> None:
    run("a_secret_never_shows", "").assert_outcomes(passed=1)


def test_a_compiled_class_is_named_without_a_line() -> None:
    error = ConformanceError.of(pa.Table, "It broke", "suite.probes", "give one")
    assert str(error) == "It broke. Mend Table.probes: give one"
