"""The kit as a function, on plugins without a suite of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headwater.errors import ValidationError
from headwater.models import PluginInfo, QueryExample
from headwater.testing import DataSourceConfig
from headwater.testing.derived import TestPlugin as Derived, derive

INFO = PluginInfo("shop", query_text_key="rawSql", examples=(QueryExample("One", {"rawSql": "SELECT 1"}),))


FAILING = """
import pytest
from headwater.testing import DataSourceConformance, Probes

class TestFailing(DataSourceConformance):
    plugin_id = "testdata"
    probes = Probes(simple={}, wrong={}, rows=dict)

    @pytest.fixture
    def source(self):
        yield "nowhere"
        raise OSError("the second to fail")

    def test_a_live_source_is_ok(self, source):
        assert False, "the first to fail"

def test_that_is_none_of_the_kits():
    assert False
"""


def test_the_probes_of_a_plugin_without_a_suite_come_from_its_examples() -> None:
    derive(INFO, DataSourceConfig(), {})
    assert Derived.probes.simple == {"rawSql": "SELECT 1"}
    assert Derived.probes.wrong == {"rawSql": "this is no query ("}


def test_given_probes_go_before_and_texts_are_the_main_text() -> None:
    probes = {
        "simple": "SELECT 2",
        "rows": {"rawSql": "SELECT i FROM numbers LIMIT ?", "params": ["$count"], "limit": 10},
        "text": {"rawSql": "SELECT '$text'"},
        "resource": "tables",
    }
    derive(INFO, DataSourceConfig(url="127.0.0.1:1"), probes)
    assert Derived.probes.simple == {"rawSql": "SELECT 2"}
    assert Derived.probes.rows(7) == {
        "rawSql": "SELECT i FROM numbers LIMIT ?", "params": [7], "limit": 10,
    }  # fmt: skip
    assert Derived.probes.text is not None
    assert Derived.probes.text("Zürich") == {"rawSql": "SELECT 'Zürich'"}
    assert Derived.probes.resource == "tables"
    assert Derived.features.network == "full"


def test_what_nobody_declares_is_not_checked() -> None:
    info = PluginInfo(
        "ticks",
        query_schema={"properties": {"any": {}, "count": {"type": "integer"}}},
        examples=(QueryExample("Three", {"count": 3}),),
    )
    derive(info, DataSourceConfig(), {})
    assert Derived.probes.wrong == {"count": {"not": "a number"}}
    assert {Derived.features.network, Derived.features.secrets, Derived.features.streaming} == {"unsupported"}
    with pytest.raises(pytest.skip.Exception, match="no probe: rows"):
        Derived.probes.rows(1)
    with pytest.raises(pytest.skip.Exception, match="no probe: slow"):
        Derived().probe("slow")


def test_a_plugin_that_describes_no_query_is_asked_no_wrong_one() -> None:
    derive(PluginInfo("ticks", examples=(QueryExample("Three", {"count": 3}),)), DataSourceConfig(), {})
    assert Derived.probes.wrong == {}


@pytest.mark.parametrize(
    ("info", "probes", "message"),
    [
        (PluginInfo("bare"), {}, "gives no example.*--probe simple=QUERY"),
        (INFO, {"sample": "SELECT 1"}, "no such probe"),
        (PluginInfo("bare"), {"simple": "text"}, "is no query object"),
    ],
)
def test_probes_that_cannot_be_are_refused(info: PluginInfo, probes: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        derive(info, DataSourceConfig(), probes)


def test_a_run_gives_each_check_its_rule_in_words(tmp_path: Path) -> None:
    """In a process of its own: pytest does not run within pytest."""
    (tmp_path / "broken_suite.py").write_text("import no_such_module\n")
    (tmp_path / "failing_suite.py").write_text(FAILING)
    (tmp_path / "stopped_suite.py").write_text("raise KeyboardInterrupt\n")
    program = """
from pathlib import Path
from headwater.testing import check_plugin

def show(result):
    print(result.area, result.outcome, result.contract)

good = check_plugin("testdata", only="a_built_instance", seen=show)
assert good.conforms and len(good.results) == 1, good
nothing = check_plugin("testdata", only="no such check")
assert not nothing.conforms and not nothing.results
broken = check_plugin("testdata", [Path("broken_suite.py")])
assert not broken.conforms and "no_such_module" in broken.errors[0], broken
failing = check_plugin("testdata", [Path("failing_suite.py")], only="health")
assert not failing.conforms, failing
(first,) = [each for each in failing.results if each.check == "a_live_source_is_ok"]
assert "the first to fail" in first.happened, first
try:
    check_plugin("testdata", [Path("stopped_suite.py")])
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "secrets passed A built instance holds no secret in plain sight. Neither its settings nor its "
        "attributes print one: a debugger's or a logger's `repr` is enough.\ninterrupted\n"
    )
